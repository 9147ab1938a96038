// SGD-SaI.
// Paper: Xu, Xiang, Cai, Wen, "No More Adam: Learning Rate Scaling at Initialization is All You Need", 2024, arXiv 2412.11768.
//   gsnr = ||g||/(std(g) + eps)         of every tensor, by its first gradient, then fixed
//   m = momentum*m + (1-momentum)*g
//   w = w - lr*(gsnr*m + weight_decay*w)
// The claims at our scale: on a transformer it closes most (70 %) of the gap between SGD with momentum and AdamW, with half of
// AdamW's memory.
// Departures: two layers on characters in place of GPT-2 and ViT; gradients are not clipped, the schedule has 50 steps of warm-up.
// Tried besides: a vision transformer of four blocks of 64 on 8,000 images of Fashion-MNIST, 6 epochs, one seed, each at the best of two or
// three step sizes: test loss 0.695, SGD with momentum 0.698, AdamW 0.581. Windows of 64, 1,200 steps, one seed, each at the better of two
// step sizes: 2.46, SGD with momentum 2.33, AdamW 1.99.
#include "apps/papers/entries.h"
#include "apps/papers/experiment.h"
#include "apps/papers/settings.h"

namespace gradus::paper_entries {
namespace {

void sgd_sai_experiment(Experiment& e) {
  TrainConfig config = small_language_model(600);
  config.schedule = "cosine:warmup=50";
  config.clip_norm.reset();
  e.setting(config);
  e.arm("sgd-sai").optim("sgd-sai:weight_decay=0").tune("lr", {1e-3, 3e-3, 1e-2, 3e-2, 1e-1, 3e-1});
  e.arm("sgd").optim("sgd:momentum=0.9,dampening=0.9").tune("lr", {3e-2, 1e-1, 3e-1, 1, 3, 10});
  e.arm("adamw").optim("adamw:weight_decay=0").tune("lr", {3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 1e-1});
  e.tune_for("test_loss");
  e.seeds(4);
  e.claim("test loss at least 0.1 below that of SGD with momentum",
          better("sgd-sai", "sgd", "test_loss", 0.1));
  e.claim("test loss no more than 0.1 above AdamW's", not_worse("sgd-sai", "adamw", "test_loss", 0.1));
  e.claim("state of half of AdamW's bytes", ratio_at_most("sgd-sai", "adamw", "optimizer_bytes", 0.51));
}

}  // namespace

Paper sgd_sai() {
  return {.slug = "sgd-sai",
          .family = "layerwise",
          .title = "No More Adam: Learning Rate Scaling at Initialization is All You Need",
          .authors = "Xu, Xiang, Cai et al.",
          .venue = "arXiv",
          .year = 2024,
          .arxiv = "2412.11768",
          .idea =
              "Momentum SGD with a step size a tensor, proportional to the signal-to-noise ratio of "
              "its first gradient. Claimed: it trains transformers as AdamW does, with half the "
              "memory.",
          .equations =
              "gsnr = ||g||/(std(g) + eps) of the first gradient\n"
              "m = momentum*m + (1-momentum)*g\n"
              "w = w - lr*(gsnr*m + weight_decay*w)",
          .files = {"optim/rules/sgd_sai.cpp"},
          .use = "gradus train --optim sgd-sai:lr=1e-2",
          .experiment = sgd_sai_experiment,
          .minutes = 3};
}

}  // namespace gradus::paper_entries
