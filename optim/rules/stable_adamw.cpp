// StableAdamW: AdamW with Adafactor's update clipping.
// Paper: Wortsman, Dettmers, Zettlemoyer, Morcos, Farhadi, Schmidt, "Stable and low-precision training for large-scale
//        vision-language models", NeurIPS 2023, arXiv 2304.13013, Algorithm 2.
//   b_i = beta_i*(1 - beta_i^(t-1))/(1 - beta_i^t)
//   m = b_1*m + (1-b_1)*g;   v = b_2*v + (1-b_2)*g^2
//   lr_t = lr/max(1, sqrt(mean(g^2/max(v, eps^2))))                                mean over the tensor
//   w <- w*(1 - lr_t*weight_decay) - lr_t*m/(sqrt(v) + eps)
#include "optim/rules/zoo.h"
#include "optim/vocabulary/moment_options.h"
#include "optim/vocabulary/sums.h"

namespace gradus::rules {
namespace {

struct StableAdamW {
  struct Options : MomentOptions {
    Options() { beta2 = 0.99, weight_decay = 0.01; }
  };
  static void update(Param& p, State& s, const Options& o, const StepInfo& k) {
    if (p.data.numel() == 0) return;
    const auto corrected = [&](double beta) {
      return beta * bias_correction(beta, k.t - 1) / bias_correction(beta, k.t);
    };
    const Ema first(corrected(o.beta1)), second(corrected(o.beta2));
    const real floor = real(std::max(o.eps * o.eps, 1e-37)), eps = real(o.eps);
    const auto [sum] =
        for_each_with_sums<1>(p.grad, s("m"), s("v"), [=](real g, real& m, real& v, double& ratio) {
          m = first(m, g);
          v = second(v, g * g);
          ratio = static_cast<double>(g * g / std::max(v, floor));
        });
    const double rms = std::sqrt(sum / static_cast<double>(p.data.numel()));
    const double lr = o.lr * k.lr_scale / std::max(1.0, rms);
    const real keep = Decay::decoupled(o.weight_decay, lr).keep, step = real(lr);
    for_each_element(p.data, std::as_const(s("m")), std::as_const(s("v")),
                     [=](real& w, real m, real v) { w = keep * w - step * m / (std::sqrt(v) + eps); });
  }
};

}  // namespace

OptimizerEntry stable_adamw() {
  return rule_entry<StableAdamW>({"stable-adamw",
                                  "AdamW whose step shrinks where the second moment lags behind",
                                  "Wortsman et al., NeurIPS 2023, arXiv 2304.13013", 2});
}

}  // namespace gradus::rules
