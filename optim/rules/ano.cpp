// Ano: the direction from momentum, the size from the gradient.
// Paper: Kegreisz, "Ano: Faster is Better in Noisy Landscape", 2025, arXiv 2508.18258.
//   w <- w - lr*weight_decay*w
//   logarithmic: beta1 = 1 - 1/ln(max(2, t))                                 (negative in the first two steps)
//   m = beta1*m + (1-beta1)*g
//   v = beta2*v + (1-beta2)*sign(g^2 - v)*g^2                                 from the old v both times
//   w <- w - lr*|g|*sign(m)/sqrt(v/(1-beta2^t) + eps)
// The authors' logarithmic variant leaves the correction of v out; here it is always there.
#include "optim/rules/zoo.h"
#include "optim/vocabulary/moment_options.h"

namespace gradus::rules {
namespace {

struct Ano {
  struct Options : MomentOptions {
    bool logarithmic = false;
    Options() { lr = 1e-4, beta1 = 0.92, beta2 = 0.99; }
    void visit(auto&& f) {
      MomentOptions::visit(f);
      f("logarithmic", logarithmic, "beta1 = 1 - 1/ln(t) instead of a constant");
    }
  };
  static constexpr bool kDecoupled = true;
  static void update(Param& p, State& s, const Options& o, const StepInfo& k) {
    const double lr = o.lr * k.lr_scale;
    const Ema first(o.logarithmic ? 1 - 1 / std::log(std::max(2.0, static_cast<double>(k.t))) : o.beta1);
    const real keep = Decay::decoupled(o.weight_decay, lr).keep, step = real(lr), eps = real(o.eps);
    const real b2 = real(o.beta2), take = real(1 - o.beta2), c2 = real(1 / bias_correction(o.beta2, k.t));
    for_each_element(p.data, p.grad, s("m"), s("v"), [=](real& w, real g, real& m, real& v) {
      m = first(m, g);
      v = b2 * v + take * sign(g * g - v) * (g * g);
      // With beta2 < 1/2 v may be negative: eps alone then stands under the root.
      w = keep * w - step * std::abs(g) * sign(m) / std::sqrt(std::max(v * c2, real(0)) + eps);
    });
  }
};

}  // namespace

OptimizerEntry ano() {
  return rule_entry<Ano>(
      {"ano", "direction from momentum, size from the gradient", "Kegreisz, 2025, arXiv 2508.18258"});
}

}  // namespace gradus::rules
