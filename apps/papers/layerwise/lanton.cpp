// LANTON.
// Paper: Hao, Gong, Xu, Wang, Liu, "Noise-Adaptive Layerwise Learning Rates: Accelerating Geometry-Aware Optimization for Deep
//        Neural Network Training", 2025, arXiv 2510.14009.
//   H = beta2*H + (1-beta2)*||g - g'||*^2           dual norm of the layer's geometry
//   a = alpha/sqrt(alpha^2 + H),  lr_l = lr*sqrt(a_l/max a)
//   steps of norm lr_l in that geometry along the momentum
// The claim at our scale: with four fifths of the steps it reaches the loss of the same method without the noise (alpha = 1e9).
// Departures: a transformer of two layers on characters in place of LLaMA and GPT-2.
// Tried besides: 640 and 800 steps, four step sizes an arm: 0.013 above [-0.003, 0.029], within noise; at 800 steps 0.026 below the method
// without the noise [0.016, 0.035] and 0.092 below AdamW. 240 and 300 steps: 0.015 above [0.001, 0.030], not shown; at 300 steps 0.032 below
// [0.019, 0.044] and 0.125 below AdamW.
#include "apps/papers/entries.h"
#include "apps/papers/experiment.h"
#include "apps/papers/settings.h"

namespace gradus::paper_entries {
namespace {

void lanton_experiment(Experiment& e) {
  const auto steps = [](int64 count) {
    TrainConfig config = small_language_model(count);
    config.clip_norm.reset();
    return config;
  };
  e.setting("fewer", steps(400));
  e.setting("all", steps(500));
  const auto arm = [&](const char* name, const char* setting, const char* optim) {
    e.arm(name).setting(setting).optim(optim).tune("lr", {3e-3, 6e-3, 1.2e-2, 2.5e-2, 5e-2});
  };
  arm("lanton-fewer", "fewer", "lanton:weight_decay=0");
  arm("lanton", "all", "lanton:weight_decay=0");
  arm("fixed", "all", "lanton:weight_decay=0,alpha=1e9");
  arm("fixed-fewer", "fewer", "lanton:weight_decay=0,alpha=1e9");
  e.arm("adamw").setting("all").optim("adamw:weight_decay=0").tune("lr", {1e-3, 3e-3, 6e-3, 1.2e-2, 2.5e-2});
  e.tune_for("test_loss");
  e.seeds(4);
  e.claim("400 steps: test loss not above that of 500 steps without noise adaptation",
          not_worse("lanton-fewer", "fixed", "test_loss", 0));
  e.claim("500 steps: test loss below that without noise adaptation",
          better("lanton", "fixed", "test_loss").reported_only());
  e.claim("500 steps: test loss below AdamW's", better("lanton", "adamw", "test_loss").reported_only());
}

}  // namespace

Paper lanton() {
  return {.slug = "lanton",
          .family = "layerwise",
          .title =
              "Noise-Adaptive Layerwise Learning Rates: Accelerating Geometry-Aware Optimization for Deep "
              "Neural Network Training",
          .authors = "Hao, Gong, Xu et al.",
          .venue = "arXiv",
          .year = 2025,
          .arxiv = "2510.14009",
          .idea =
              "Layers whose gradients are noisier, in the norm of their geometry, take shorter "
              "steps. Claimed: the loss of Muon-like methods in two thirds of the steps.",
          .equations =
              "H = beta2*H + (1-beta2)*||g - g'||*^2\n"
              "a = alpha/sqrt(alpha^2 + H)\n"
              "lr_l = lr*sqrt(a_l/max a)",
          .files = {"optim/rules/lanton.cpp"},
          .use = "gradus train --optim lanton:lr=1e-2",
          .experiment = lanton_experiment,
          .minutes = 4};
}

}  // namespace gradus::paper_entries
