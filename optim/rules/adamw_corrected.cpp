// AdamC: AdamW with the decay of normalised layers corrected.
// Paper: Defazio, "Why Gradients Rapidly Increase Near the End of Training", 2025, arXiv 2506.02285.
//   normalized: w <- w - weight_decay*lr^2/lr_max*w,  lr_max: the option lr, unscheduled;  else w <- w - lr*weight_decay*w
//   m = beta1*m + (1-beta1)*g;  v = beta2*v + (1-beta2)*g^2
//   w <- w - lr * m/(1-beta1^t) / (sqrt(v/(1-beta2^t)) + eps)
// `normalized` is set by group, false for layers that no normalisation follows.
#include "optim/rules/zoo.h"
#include "optim/vocabulary/moment_options.h"

namespace gradus::rules {
namespace {

struct AdamWCorrected {
  struct Options : MomentOptions {
    bool normalized = true;
    void visit(auto&& f) {
      MomentOptions::visit(f);
      f("normalized", normalized, "a normalisation follows the layer: decay by lr^2 over the largest lr");
    }
  };
  static void update(Param& p, State& s, const Options& o, const StepInfo& k) {
    const double lr = o.lr * k.lr_scale;
    const real keep = real(1 - o.weight_decay * (o.normalized ? lr * k.lr_scale : lr)), eps = real(o.eps);
    const real step = real(lr / bias_correction(o.beta1, k.t)),
               root = real(1 / std::sqrt(bias_correction(o.beta2, k.t)));
    const Ema first(o.beta1), second(o.beta2);
    for_each_element(p.data, p.grad, s("m"), s("v"), [=](real& w, real g, real& m, real& v) {
      m = first(m, g);
      v = second(v, g * g);
      w = keep * w - step * m / (std::sqrt(v) * root + eps);
    });
  }
};

}  // namespace

OptimizerEntry adamw_corrected() {
  return rule_entry<AdamWCorrected>({"adamw-corrected",
                                     "AdamW whose decay of normalised layers falls with the square of lr",
                                     "Defazio, 2025, arXiv 2506.02285"});
}

}  // namespace gradus::rules
