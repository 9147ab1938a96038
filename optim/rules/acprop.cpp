// ACProp: asynchronous, centred adaptive steps.
// Paper: Zhuang, Ding, Tang, Dvornek, Tatikonda, Duncan, "Momentum Centering and Asynchronous Update for Adaptive
//        Gradient Methods", NeurIPS 2021, arXiv 2110.05454.
//   w <- w - lr*weight_decay*w
//   d = sqrt(v/(1-beta2^(t-1))) + eps, v of the step before; in step 1 d = 1
//   w <- w - lr*g/d
//   m = beta1*m + (1-beta1)*g;   v = beta2*v + (1-beta2)*(g - m)^2 + eps                                   (new m)
#include "optim/rules/zoo.h"
#include "optim/vocabulary/moment_options.h"

namespace gradus::rules {
namespace {

struct AcProp {
  struct Options : MomentOptions {
    Options() { eps = 1e-16; }
  };
  static constexpr bool kDecoupled = true;
  static void update(Param& p, State& s, const Options& o, const StepInfo& k) {
    const double lr = o.lr * k.lr_scale;
    const bool first_step = k.t == 1;
    const real keep = Decay::decoupled(o.weight_decay, lr).keep, step = real(lr), eps = real(o.eps);
    const real root = real(first_step ? 0 : 1 / std::sqrt(bias_correction(o.beta2, k.t - 1)));
    const real beside = first_step ? real(1) : eps;
    const Ema first(o.beta1), second(o.beta2);
    for_each_element(p.data, p.grad, s("m"), s("v"), [=](real& w, real g, real& m, real& v) {
      w = keep * w - step * g / (std::sqrt(v) * root + beside);
      m = first(m, g);
      v = second(v, square(g - m)) + eps;
    });
  }
};

}  // namespace

OptimizerEntry acprop() {
  return rule_entry<AcProp>({"acprop", "the gradient over the centred second moment of the step before",
                             "Zhuang et al., NeurIPS 2021, arXiv 2110.05454"});
}

}  // namespace gradus::rules
