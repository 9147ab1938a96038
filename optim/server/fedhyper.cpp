// FedHyper at the server: the inner product of two rounds' displacements says whether step sizes should grow.
// Paper: Wang, Wang, Li, "FedHyper: A Universal and Robust Learning Rate Scheduler for Federated Learning with Hypergradient Descent",
//        ICLR 2024, arXiv 2310.03156; G, GM in the form of the authors' code.
//   Delta_t mean displacement of round t, never scaled;  <,> over all parameters;  clip(a, low, high) = min(max(a, low), high)
//   G:   alpha_0 = 1,  alpha = clip(alpha + hyper_lr*<Delta_t, Delta_{t-1}>, low, high),  x <- x + alpha*Delta_t
//        (low, high) = (0.2, 5) of the code (reference) or (1/3, 3) of the paper
//   GM:  u_0 = Delta_0, x <- x + Delta_0;  then  alpha = clip(alpha + hyper_lr*<u, Delta_t>, 0.8, 5),
//        x <- x + alpha*Delta_t + momentum*(alpha - 1)*u,  u <- Delta_t + momentum*u
//   SL:  x <- x + Delta_t;  beta = clip(beta + hyper_lr*<Delta_t, Delta_{t-1}>, 1/gamma_beta, gamma_beta) for the clients' next round
// Departures: the authors' code makes the list of SL's rates anew every round, so that SL never acts there; here it acts.
#include <algorithm>

#include "optim/elements.h"
#include "optim/server/servers.h"

namespace gradus::servers {
namespace {

constexpr const char *kLast = "last", *kAlpha = "alpha", *kBeta = "beta";

void add_scaled(Tensor& x, double alpha, const Tensor& delta) {
  for_each_element(x, delta, [a = static_cast<real>(alpha)](real& w, real d) { w += a * d; });
}

struct FedHyperG {
  struct Options {
    std::string bounds = "reference";
    double hyper_lr = 1;
    void visit(auto&& f) {
      f("bounds", bounds, "alpha within 0.2 to 5 (reference) or 1/3 to 3 (paper)",
        choices({"reference", "paper"}));
      f("hyper_lr", hyper_lr, "factor on the inner product", at_least(0));
    }
    double low() const { return bounds == "paper" ? 1.0 / 3 : 0.2; }
    double high() const { return bounds == "paper" ? 3 : 5; }
  };
  static void update(Tensor& x, const Tensor& delta, State& s, const Options& o, int64) {
    double& alpha = s.scalar(kAlpha, 1);
    Tensor& last = s(kLast, x.shape());  // zeros before the first round: alpha stays 1
    alpha = std::clamp(alpha + o.hyper_lr * dot(delta, last), o.low(), o.high());
    add_scaled(x, alpha, delta);
    last.copy_from(delta);
  }
};

struct FedHyperGM {
  struct Options {
    double hyper_lr = 1, momentum = 0.9;
    void visit(auto&& f) {
      f("hyper_lr", hyper_lr, "factor on the inner product", at_least(0));
      f("momentum", momentum, "share of the last direction that is kept", decay_rate());
    }
  };
  static void update(Tensor& x, const Tensor& delta, State& s, const Options& o, int64) {
    double& alpha = s.scalar(kAlpha, 1);
    Tensor& u = s("u", x.shape());
    alpha = std::clamp(alpha + o.hyper_lr * dot(u, delta), 0.8, 5.0);
    for_each_element(x, delta, u,
                     [a = static_cast<real>(alpha), pull = static_cast<real>(o.momentum * (alpha - 1)),
                      mu = static_cast<real>(o.momentum)](real& w, real d, real& direction) {
                       w += a * d + pull * direction;
                       direction = d + mu * direction;
                     });
  }
};

struct FedHyperSL {
  struct Options {
    double hyper_lr = 1, gamma_beta = 10;
    void visit(auto&& f) {
      f("hyper_lr", hyper_lr, "factor on the inner product", at_least(0));
      f("gamma_beta", gamma_beta, "the clients' step size stays within a factor of this", at_least(1));
    }
  };
  static void update(Tensor& x, const Tensor& delta, State& s, const Options& o, int64) {
    double& beta = s.scalar(kBeta, 1);
    Tensor& last = s(kLast, x.shape());
    beta = std::clamp(beta + o.hyper_lr * dot(delta, last), 1 / o.gamma_beta, o.gamma_beta);
    add_scaled(x, 1, delta);
    last.copy_from(delta);
  }
  static double client_lr_scale(const State& s, const Options&) {
    const double* beta = s.find_scalar(kBeta);
    return beta ? *beta : 1;
  }
};

constexpr const char* kFedHyper = "Wang, Wang, Li, ICLR 2024, arXiv 2310.03156";

}  // namespace

ServerRuleEntry fedhyper_g() {
  return server_entry<FedHyperG>(
      "fedhyper-g", "the server's step size by hypergradients", kFedHyper,
      "alpha = clip(alpha + hyper_lr*<Delta_t, Delta_{t-1}>)\nx <- x + alpha*Delta_t");
}
ServerRuleEntry fedhyper_gm() {
  return server_entry<FedHyperGM>(
      "fedhyper-gm", "the same with momentum", kFedHyper,
      "alpha = clip(alpha + hyper_lr*<u, Delta_t>, 0.8, 5)\n"
      "x <- x + alpha*Delta_t + momentum*(alpha - 1)*u\nu <- Delta_t + momentum*u");
}
ServerRuleEntry fedhyper_sl() {
  return server_entry<FedHyperSL>(
      "fedhyper-sl", "the clients' step size by hypergradients at the server", kFedHyper,
      "beta = clip(beta + hyper_lr*<Delta_t, Delta_{t-1}>), for the next round\nx <- x + Delta_t");
}

}  // namespace gradus::servers
