// Factors on the mean displacement, or on the clients' step size, by simpler rules.
// Papers: Jhunjhunwala, Wang, Joshi, "FedExP: Speeding Up Federated Averaging via Extrapolation", ICLR 2023, arXiv 2301.09604;
//         decay by a constant factor a round, as Wang, Wang, Li (ICLR 2024, arXiv 2310.03156) compare with.
//   FedExP:   alpha = max(1, sum_i ||x_i - x||^2/(2 n (||Delta||^2 + eps))),  x <- x + alpha*Delta,  n clients
//   decay-g:  alpha = decay^t, x <- x + alpha*Delta      decay-sl: beta = decay^t at the clients, x <- x + Delta;   t = 0, 1, ...
#include <algorithm>
#include <cmath>

#include "optim/elements.h"
#include "optim/server/servers.h"

namespace gradus::servers {
namespace {

void extrapolate(Tensor& x, double alpha, const Tensor& delta) {
  for_each_element(x, delta, [a = static_cast<real>(alpha)](real& w, real d) { w += a * d; });
}

struct FedExp {
  struct Options {
    double eps = 1e-3;
    void visit(auto&& f) { f("eps", eps, "added to the squared norm of the mean displacement", at_least(0)); }
  };
  static void update(Tensor& x, const ServerRound& round, State& s, const Options& o, int64) {
    const double below = 2 * (sum_of_squares(round.delta) + o.eps);
    double& alpha = s.scalar("alpha");
    alpha = below > 0 ? std::max(1.0, round.mean_square / below) : 1;
    extrapolate(x, alpha, round.delta);
  }
};

struct DecayOptions {
  double decay = 0.995;
  void visit(auto&& f) { f("decay", decay, "factor a round", {.low = 0, .high = 1, .low_open = true}); }
};

struct DecayG {
  using Options = DecayOptions;
  static void update(Tensor& x, const Tensor& delta, State& s, const Options& o, int64 t) {
    extrapolate(x, s.scalar("alpha") = std::pow(o.decay, static_cast<double>(t - 1)), delta);
  }
};

struct DecaySL {
  using Options = DecayOptions;
  static void update(Tensor& x, const Tensor& delta, State& s, const Options& o, int64 t) {
    s.scalar("beta") = std::pow(o.decay, static_cast<double>(t));  // of the next round
    extrapolate(x, 1, delta);
  }
  static double client_lr_scale(const State& s, const Options&) {
    const double* beta = s.find_scalar("beta");
    return beta ? *beta : 1;
  }
};

constexpr const char* kDecay = "compared with in Wang, Wang, Li, ICLR 2024, arXiv 2310.03156";

}  // namespace

ServerRuleEntry fedexp() {
  return server_entry<FedExp>(
      "fedexp", "goes beyond the mean the more the clients disagree",
      "Jhunjhunwala, Wang, Joshi, ICLR 2023, arXiv 2301.09604",
      "alpha = max(1, sum_i ||x_i - x||^2/(2 n (||Delta||^2 + eps)))\nx <- x + alpha*Delta");
}
ServerRuleEntry decay_g() {
  return server_entry<DecayG>("decay-g", "a server's step size that decays", kDecay,
                              "alpha = decay^t\nx <- x + alpha*Delta");
}
ServerRuleEntry decay_sl() {
  return server_entry<DecaySL>("decay-sl", "a clients' step size that decays", kDecay,
                               "beta = decay^t\nx <- x + Delta");
}

}  // namespace gradus::servers
