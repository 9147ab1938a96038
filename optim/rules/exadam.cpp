// EXAdam.
// Paper: Adly, "EXAdam: The Power of Adaptive Cross-Moments", 2024, arXiv 2412.20302; its early version also scaled lr by
//        a logarithm, which is not here.
//   w <- w - lr*weight_decay*w
//   m = beta1*m + (1-beta1)*g;  v = beta2*v + (1-beta2)*g^2
//   d1 = 1 + v/(v+eps)*beta2^t;   d2 = 1 + m^2/(m^2+eps)*beta1^t
//   w <- w - lr*((m + g)/(1-beta1^t)*d1)/(sqrt(v/(1-beta2^t)*d2) + eps)
#include "optim/rules/zoo.h"
#include "optim/vocabulary/moment_options.h"

namespace gradus::rules {
namespace {

struct ExAdam {
  using Options = MomentOptions;
  static constexpr bool kDecoupled = true;
  static void update(Param& p, State& s, const Options& o, const StepInfo& k) {
    const double lr = o.lr * k.lr_scale;
    const real keep = Decay::decoupled(o.weight_decay, lr).keep, eps = real(o.eps);
    const real step = real(lr / bias_correction(o.beta1, k.t)), c2 = real(1 / bias_correction(o.beta2, k.t));
    const real power1 = real(1 - bias_correction(o.beta1, k.t)),
               power2 = real(1 - bias_correction(o.beta2, k.t));
    const Ema first(o.beta1), second(o.beta2);
    for_each_element(p.data, p.grad, s("m"), s("v"), [=](real& w, real g, real& m, real& v) {
      m = first(m, g);
      v = second(v, g * g);
      const real d1 = 1 + v / (v + eps) * power2, d2 = 1 + m * m / (m * m + eps) * power1;
      w = keep * w - step * (m + g) * d1 / (std::sqrt(v * c2 * d2) + eps);
    });
  }
};

}  // namespace

OptimizerEntry exadam() {
  return rule_entry<ExAdam>({"exadam", "Adam with debiasing across the moments and the gradient in the step",
                             "Adly, 2024, arXiv 2412.20302"});
}

}  // namespace gradus::rules
