// AdaBelief.
// Paper: Zhuang, Tang, Ding, Tatikonda, Dvornek, Papademetris, Duncan, "AdaBelief Optimizer: Adapting Stepsizes by
//        the Belief in Observed Gradients", NeurIPS 2020, arXiv 2010.07468, Algorithm 2.
//   w <- w - lr*weight_decay*w  (fixed_decay: without lr), or not decoupled: g <- g + weight_decay*w
//   m = beta1*m + (1-beta1)*g
//   v = beta2*v + (1-beta2)*(g - m)^2 + eps                    (new m; eps stays in v)
//   w <- w - lr/(1-beta1^t) * m / ( sqrt(v/(1-beta2^t)) + eps )            amsgrad: max of v
//   rectify, r_t as in RAdam: w <- w - lr*r_t*sqrt(1-beta2^t)/(1-beta1^t) * m/(sqrt(v) + eps);
//            too early for r_t: w <- w - lr/(1-beta1^t) * m, or no step
// The authors' package rectifies by default; their experiments do not, nor do we.
#include "optim/rules/rules.h"
#include "optim/rules/twofold.h"

namespace gradus::rules {
namespace {

struct AdaBelief {
  using Options = TwofoldOptions;
  static void update(Param& p, State& s, const Options& o, const StepInfo& k) {
    const Ema first(o.beta1), second(o.beta2);
    const real step = real(o.lr * k.lr_scale / bias_correction(o.beta1, k.t));
    const real root = real(1 / std::sqrt(bias_correction(o.beta2, k.t))), eps = real(o.eps);
    const auto moments = [=](real g, real& m, real& v) {
      m = first(m, g);                     // what we believe the gradient to be
      v = second(v, square(g - m)) + eps;  // by how much it is not
    };
    const auto move = [=](real& w, real m, real v) { w -= step * m / (std::sqrt(v) * root + eps); };
    twofold_update(p, s, o, k, moments, move);  // after decay; its other options change the move
  }
};

}  // namespace

OptimizerEntry adabelief() {
  return rule_entry<AdaBelief>({"adabelief", "steps by how far gradients deviate from their mean",
                                "Zhuang et al., NeurIPS 2020, arXiv 2010.07468"});
}

}  // namespace gradus::rules
