// FedAdagrad, FedAdam, FedYogi: the server steps by an adaptive optimizer, its clients stay plain and stateless.
// Paper: Reddi, Charles, Zaheer, Garrett, Rush, Konecny, Kumar, McMahan, "Adaptive Federated Optimization", ICLR 2021,
//        arXiv 2003.00295, Algorithm 2.
//   Delta = sum_i p_i (x_i - x)                                a displacement: minus the gradient that Adam would take
//   m = beta1*m + (1-beta1)*Delta
//   FedAdagrad:  v = v + Delta^2
//   FedAdam:     v = beta2*v + (1-beta2)*Delta^2
//   FedYogi:     v = v - (1-beta2)*Delta^2*sign(v - Delta^2)   sign(0) = 0
//   x <- x + lr_t*m/(sqrt(v) + tau)
// form = paper:  v_0 = tau^2, beta2 = 0.99, lr_t = lr (no bias correction).
// form = keras:  v_0 = 0, beta2 = 0.999, lr_t = lr*sqrt(1-beta2^t)/(1-beta1^t) for FedAdam and FedYogi, lr for FedAdagrad:
//                what the authors' released code computes, and the default here. t counts the server's steps from 1.
// form = torch:  the same with tau*sqrt(1-beta2^t) for tau: Adam of torch.optim.
// beta1 = 0.9, of FedAdagrad 0, in both forms.
#include "optim/elements.h"
#include "optim/server/servers.h"
#include "optim/vocabulary/words.h"

namespace gradus::servers {
namespace {

constexpr const char* kFedOptPaper = "Reddi et al., ICLR 2021, arXiv 2003.00295";

struct AdaptiveOptions {
  double lr = 0.01, tau = 1e-3;
  std::string form = "keras";
  void visit_common(auto&& f) {
    f("lr", lr, "step size of the server", positive());
    f("tau", tau, "added to the root of v: how far the rule adapts", epsilon());
    f("form", form,
      "keras: v starts at 0, bias correction folded into the step; torch: of tau too; paper: v starts at "
      "tau^2, none",
      choices({"keras", "paper", "torch"}));
  }
  bool paper() const { return form == "paper"; }
  Tensor first_v(const Shape& shape) const {
    return Tensor::full(shape, static_cast<real>(paper() ? tau * tau : 0));
  }
};

struct MomentOptions : AdaptiveOptions {
  double beta1 = 0.9;
  std::optional<double> beta2;
  void visit(auto&& f) {
    visit_common(f);
    f("beta1", beta1, "decay of the mean of Delta", decay_rate());
    f("beta2", beta2, "decay of v; unless given 0.999 in form keras, 0.99 in form paper", decay_rate());
  }
  double second_decay() const { return beta2.value_or(paper() ? 0.99 : 0.999); }
  double tau_at(int64 t) const {
    return form == "torch" ? tau * std::sqrt(1 - std::pow(second_decay(), static_cast<double>(t))) : tau;
  }
  double step_size(int64 t) const { return paper() ? lr : efficient_step(lr, beta1, second_decay(), t); }
};

// One pass: m, v by `second` of (v, Delta^2), the step.
void adaptive_step(Tensor& x, const Tensor& delta, State& s, const AdaptiveOptions& o, double beta1,
                   double step_size, double tau_t, const auto& second) {
  const Ema first(beta1);
  const auto lr = static_cast<real>(step_size), tau = static_cast<real>(tau_t);
  if (!s.has("v")) s.starting_at("v", o.first_v(x.shape()));
  for_each_element(x, delta, s("m", x.shape()), s("v", x.shape()), [=](real& w, real d, real& m, real& v) {
    m = first(m, d);
    v = second(v, d * d);
    w += lr * m / (std::sqrt(v) + tau);
  });
}

struct FedAdagrad {
  struct Options : AdaptiveOptions {
    double beta1 = 0;
    void visit(auto&& f) {
      visit_common(f);
      f("beta1", beta1, "decay of the mean of Delta", decay_rate());
    }
  };
  static void update(Tensor& x, const Tensor& delta, State& s, const Options& o, int64) {
    adaptive_step(x, delta, s, o, o.beta1, o.lr, o.tau, [](real v, real d2) { return v + d2; });
  }
};

struct FedAdam {
  using Options = MomentOptions;
  static void update(Tensor& x, const Tensor& delta, State& s, const Options& o, int64 t) {
    adaptive_step(x, delta, s, o, o.beta1, o.step_size(t), o.tau_at(t), Ema(o.second_decay()));
  }
};

struct FedYogi {
  using Options = MomentOptions;
  static void update(Tensor& x, const Tensor& delta, State& s, const Options& o, int64 t) {
    const auto take = static_cast<real>(1 - o.second_decay());
    adaptive_step(x, delta, s, o, o.beta1, o.step_size(t), o.tau_at(t),
                  [=](real v, real d2) { return v - take * d2 * sign(v - d2); });
  }
};

}  // namespace

ServerRuleEntry fedadagrad() {
  return server_entry<FedAdagrad>("fedadagrad", "Adagrad on the clients' mean displacement", kFedOptPaper,
                                  "m = beta1*m + (1-beta1)*Delta\nv = v + Delta^2\n"
                                  "x <- x + lr*m/(sqrt(v) + tau)");
}

ServerRuleEntry fedadam() {
  return server_entry<FedAdam>("fedadam", "Adam on the clients' mean displacement", kFedOptPaper,
                               "m = beta1*m + (1-beta1)*Delta\nv = beta2*v + (1-beta2)*Delta^2\n"
                               "x <- x + lr_t*m/(sqrt(v) + tau)\n"
                               "keras: lr_t = lr*sqrt(1-beta2^t)/(1-beta1^t); paper: lr_t = lr");
}

ServerRuleEntry fedyogi() {
  return server_entry<FedYogi>("fedyogi", "Yogi on the clients' mean displacement: v moves by bounded steps",
                               kFedOptPaper,
                               "m = beta1*m + (1-beta1)*Delta\nv = v - (1-beta2)*Delta^2*sign(v - Delta^2)\n"
                               "x <- x + lr_t*m/(sqrt(v) + tau)\n"
                               "keras: lr_t = lr*sqrt(1-beta2^t)/(1-beta1^t); paper: lr_t = lr");
}

}  // namespace gradus::servers
