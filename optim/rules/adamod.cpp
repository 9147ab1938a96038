// AdaMod.
// Paper: Ding, Ren, Luo, Sun, "An Adaptive and Momental Bound Method for Stochastic Learning", 2019,
//        arXiv 1910.12249.
//   m = beta1*m + (1-beta1)*g;  v = beta2*v + (1-beta2)*g^2
//   w <- w - lr*weight_decay*w
//   eta = lr*sqrt(1-beta2^t)/(1-beta1^t) / (sqrt(v) + eps)
//   e = beta3*e + (1-beta3)*eta                               (from 0, not bias-corrected: this warms up)
//   w <- w - min(eta, e)*m
#include "optim/rules/rules.h"
#include "optim/vocabulary/words.h"

namespace gradus::rules {
namespace {

struct AdaMod {
  struct Options {
    double lr = 1e-3, beta1 = 0.9, beta2 = 0.999, beta3 = 0.999, eps = 1e-8, weight_decay = 0;
    void visit(auto&& f) {
      f("lr", lr, "step size", positive());
      f("beta1", beta1, "decay of the gradient mean", decay_rate());
      f("beta2", beta2, "decay of the mean of squared gradients", decay_rate());
      f("beta3", beta3, "decay of the mean of step sizes, which bounds them", decay_rate());
      f("eps", eps, "added to the root; step sizes reach lr/eps", at_least(1e-20));
      f("weight_decay", weight_decay, "decoupled weight decay", at_least(0));
    }
  };

  static constexpr bool kDecoupled = true;
  static void update(Param& p, State& s, const Options& o, const StepInfo& k) {
    const double lr = o.lr * k.lr_scale;
    const real step = real(efficient_step(lr, o.beta1, o.beta2, k.t)), eps = real(o.eps);
    const Decay decay = Decay::decoupled(o.weight_decay, lr);
    const Ema first(o.beta1), second(o.beta2), third(o.beta3);
    for_each_element(p.data, p.grad, s("m"), s("v"), s("e"), [=](real& w, real g, real& m, real& v, real& e) {
      m = first(m, g);
      v = second(v, g * g);
      const real eta = step / (std::sqrt(v) + eps);
      e = third(e, eta);
      w = decay.keep * w - std::min(eta, e) * m;
    });
  }
};

}  // namespace

OptimizerEntry adamod() {
  return rule_entry<AdaMod>({"adamod", "Adam whose step sizes may not exceed their own running mean",
                             "Ding, Ren, Luo, Sun, 2019, arXiv 1910.12249"});
}

}  // namespace gradus::rules
