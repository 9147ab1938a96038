// AvaGrad: adaptive steps of the step before, normalised over all parameters.
// Paper: Savarese, McAllester, Babu, Maire, "Domain-independent Dominance of Adaptive Methods", CVPR 2021,
//        arXiv 1912.01823.
//   w <- w - lr*weight_decay*w
//   m = beta1*m + (1-beta1)*g
//   from step 2 on: w <- w - lr*gamma * m/(1-beta1^t) / D              gamma, D of the step before
//   then v = beta2*v + (1-beta2)*g^2,   D = sqrt(v/(1-beta2^t)) + eps
//   gamma = 1/sqrt(mean of D^-2 over all elements of all tensors)
#include "optim/rules/whole.h"
#include "optim/rules/zoo.h"
#include "optim/vocabulary/moment_options.h"

namespace gradus::rules {
namespace {

struct AvaGrad {
  struct Options : MomentOptions {
    Options() { lr = 0.1, eps = 0.1; }
  };
  static constexpr bool kDecoupled = true;
  static void step(Pass<Options>& pass) {
    double& gamma = pass.shared.scalar("gamma");
    double sum = 0, count = 0;
    for (auto& [p, s, o, group, t] : pass.items) {
      const double lr = o.lr * pass.info.lr_scale;
      const real keep = Decay::decoupled(o.weight_decay, lr).keep, eps = real(o.eps);
      const real step = real(t == 1 ? 0 : lr * gamma / bias_correction(o.beta1, t));
      const real before = real(t == 1 ? 0 : 1 / std::sqrt(bias_correction(o.beta2, t - 1)));
      const real now = real(1 / std::sqrt(bias_correction(o.beta2, t)));
      const Ema first(o.beta1), second(o.beta2);
      for_each_element(p.data, p.grad, s("m"), s("v"), [=](real& w, real g, real& m, real& v) {
        m = first(m, g);
        w = keep * w - step * m / (std::sqrt(v) * before + eps);
        v = second(v, g * g);
      });
      sum += sum_elements(std::as_const(s("v")), [=](real v) {
        const double d = static_cast<double>(std::sqrt(v) * now + eps);
        return 1 / (d * d);
      });
      count += static_cast<double>(p.data.numel());
    }
    if (sum > 0) gamma = 1 / std::sqrt(sum / count);
  }
};

}  // namespace

OptimizerEntry avagrad() {
  return rule_entry<AvaGrad>({"avagrad", "adaptive steps of the step before, of a set mean size",
                              "Savarese et al., CVPR 2021, arXiv 1912.01823", 1});
}

}  // namespace gradus::rules
