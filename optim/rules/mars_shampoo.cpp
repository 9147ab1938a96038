// MARS-Shampoo.
// Paper: Yuan, Liu, Wu, Zhou, Gu, "MARS: Unleashing the Power of Variance Reduction for Training Large Models",
//        ICML 2025, arXiv 2411.10438, Algorithm 4.
//   c = g + gamma*beta1/(1-beta1)*(g - g_last);   c <- c/||c|| if ||c|| > 1;   g_last = g, 0 at first       more: mars.h
//   m = beta1*m + (1-beta1)*c
//   w <- w - lr*(weight_decay*w + sqrt(max(1, rows/cols))*newton_schulz(m/(1-beta1)))
//   vectors (unless optimize_1d): AdamW with lr_1d, beta1_1d, beta2_1d, weight_decay_1d
// Newton-Schulz runs in `real`, not bf16.
#include "core/linalg.h"
#include "optim/rules/mars.h"
#include "optim/rules/rules.h"

namespace gradus::rules {
namespace {

struct MarsWithShampoo {
  static void step(Param& p, State& s, const MarsOptions& o, const StepInfo& k) {
    if (!p.is_matrix()) return mars_adamw_step(p, s, o, k);
    for_each_element(p.grad, s("m"), [mean = Ema(o.beta1)](real c, real& m) { m = mean(m, c); });
    Tensor scaled = s("m").clone().view({p.rows(), p.cols()});
    for_each_element(scaled, [c = real(1 / (1 - o.beta1))](real& x) { x *= c; });
    const Tensor direction =
        linalg::newton_schulz(scaled, linalg::newton_schulz_classic(5)).view(p.data.shape());
    const double lr = o.lr * k.lr_scale;
    const double aspect =
        std::sqrt(std::max(1.0, static_cast<double>(p.rows()) / static_cast<double>(p.cols())));
    for_each_element(p.data, direction,
                     [keep = Decay::decoupled(o.weight_decay, lr).keep, step = real(lr * aspect)](
                         real& w, real x) { w = keep * w - step * x; });
  }
};

}  // namespace

OptimizerEntry mars_shampoo() {
  return rule_entry<Mars<MarsWithShampoo>>(
      {"mars-shampoo", "orthogonalised momentum of variance-reduced gradients", kMarsPaper, 8});
}

}  // namespace gradus::rules
