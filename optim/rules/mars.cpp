// MARS-AdamW and MARS-Lion.
// Paper: Yuan, Liu, Wu, Zhou, Gu, "MARS: Unleashing the Power of Variance Reduction for Training Large Models",
//        ICML 2025, arXiv 2411.10438, Algorithms 2 and 3.
//   c = g + gamma*beta1/(1-beta1)*(g - g_last);   c <- c/||c|| if ||c|| > 1;   g_last = g, 0 at first       more: mars.h
//   m = beta1*m + (1-beta1)*c
//   adamw: v = beta2*v + (1-beta2)*c^2
//          w <- w - lr*(weight_decay*w + m/(1-beta1^t)/(sqrt(v/(1-beta2^t)) + eps))          amsgrad: max of v
//   lion:  w <- w - lr*(weight_decay*w + sign(m))
//   vectors (unless optimize_1d): AdamW with lr_1d, beta1_1d, beta2_1d, weight_decay_1d
#include "optim/rules/mars.h"

#include "optim/rules/rules.h"

namespace gradus::rules {
namespace {

struct MarsWithAdamW {
  static void step(Param& p, State& s, const MarsOptions& o, const StepInfo& k) {
    mars_adamw_step(p, s, o, k);
  }
};

struct MarsWithLion {
  static void step(Param& p, State& s, const MarsOptions& o, const StepInfo& k) {
    const real lr = real(o.lr * k.lr_scale), keep = Decay::decoupled(o.weight_decay, o.lr * k.lr_scale).keep;
    for_each_element(p.data, p.grad, s("m"), [=, mean = Ema(o.beta1)](real& w, real c, real& m) {
      m = mean(m, c);
      w = keep * w - lr * sign(m);
    });
  }
};

}  // namespace

OptimizerEntry mars_adamw() {
  return rule_entry<Mars<MarsWithAdamW>>(
      {"mars-adamw", "AdamW on variance-reduced gradients", kMarsPaper, 4});
}
OptimizerEntry mars_lion() {
  return rule_entry<Mars<MarsWithLion>>(
      {"mars-lion", "sign steps on variance-reduced gradients", kMarsPaper, 4});
}

}  // namespace gradus::rules
