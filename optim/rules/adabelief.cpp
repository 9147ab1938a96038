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
    twofold_update(p, s, o, k, o.eps, [](real g, real m) { return g - m; });
  }
};

}  // namespace

OptimizerEntry adabelief() {
  return rule_entry<AdaBelief>({"adabelief", "steps by how far gradients deviate from their mean",
                                "Zhuang et al., NeurIPS 2020, arXiv 2010.07468",
                                "w = w - lr*weight_decay*w      (not decoupled: g = g + weight_decay*w)\n"
                                "m = beta1*m + (1-beta1)*g\n"
                                "v = beta2*v + (1-beta2)*(g - m)^2 + eps\n"
                                "w = w - lr/(1-beta1^t) * m/(sqrt(v/(1-beta2^t)) + eps)"});
}

}  // namespace gradus::rules
