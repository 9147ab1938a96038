// AdaMomentum (AdaM3).
// Paper: Wang, Kang, Qin, Wang, Xu, Zhang, Fu, "Rethinking Adam: A Twofold Exponential Moving Average Approach",
//        2021, arXiv 2106.11514.
//   w <- w - lr*weight_decay*w  (fixed_decay: without lr), or not decoupled: g <- g + weight_decay*w
//   m = beta1*m + (1-beta1)*g
//   v = beta2*v + (1-beta2)*m^2 + eps                          (new m, uncorrected; eps stays in v)
//   w <- w - lr/(1-beta1^t) * m / sqrt(v/(1-beta2^t))                      amsgrad: max of v
//   rectify, r_t as in RAdam: w <- w - lr*r_t*sqrt(1-beta2^t)/(1-beta1^t) * m/(sqrt(v) + eps);
//            too early for r_t: w <- w - lr/(1-beta1^t) * m, or no step
#include "optim/rules/rules.h"
#include "optim/rules/twofold.h"

namespace gradus::rules {
namespace {

struct AdaMomentum {
  using Options = TwofoldOptions;
  static void update(Param& p, State& s, const Options& o, const StepInfo& k) {
    const Ema first(o.beta1), second(o.beta2);
    const real step = real(o.lr * k.lr_scale / bias_correction(o.beta1, k.t));
    const real root = real(1 / std::sqrt(bias_correction(o.beta2, k.t))), eps = real(o.eps);
    const auto moments = [=](real g, real& m, real& v) {
      m = first(m, g);
      v = second(v, square(m)) + eps;
    };
    const auto move = [=](real& w, real m, real v) { w -= step * m / (std::sqrt(v) * root); };
    twofold_update(p, s, o, k, moments, move);  // after decay; its other options change the move
  }
};

}  // namespace

OptimizerEntry adamomentum() {
  return rule_entry<AdaMomentum>({"adamomentum",
                                  "mean of the gradient over the root mean square of that mean",
                                  "Wang et al., 2021, arXiv 2106.11514"});
}

}  // namespace gradus::rules
