// CAME.
// Paper: Luo, Ren, Zheng, Jiang, Jiang, You, "CAME: Confidence-guided Adaptive Memory Efficient Optimization", ACL 2023, arXiv
//        2307.02047.
//   u = Adafactor's clipped update,  m = beta1*m + (1-beta1)*u
//   U = factored mean of (u - m)^2
//   w = w - lr * m/sqrt(U)
// The claims at our scale: a transformer ends no higher than with Adafactor, within 0.05 of AdamW, with little more than half of
// AdamW's state.
// Departures: two layers on characters in place of BERT, T5 and GPT-2; beta3 is 0.999 for runs of hundreds of steps.
#include "apps/papers/entries.h"
#include "apps/papers/experiment.h"
#include "apps/papers/settings.h"

namespace gradus::paper_entries {
namespace {

void came_experiment(Experiment& e) {
  TrainConfig config = small_language_model(600);
  config.schedule = "cosine:warmup=50";
  e.setting(config);
  e.arm("came").optim("came:beta2=0.99,beta3=0.999").tune("lr", {1e-4, 3e-4, 1e-3, 2e-3, 4e-3});
  e.arm("adafactor")
      .optim("adafactor:relative_step=false,scale_parameter=false,lr=1e-3")
      .tune("lr", {1e-3, 3e-3, 6e-3, 1e-2, 2e-2});
  e.arm("adamw").optim("adamw:weight_decay=0,beta2=0.99").tune("lr", {1e-3, 3e-3, 6e-3, 1e-2, 2e-2});
  e.tune_for("test_loss");
  e.seeds(4);
  e.claim("test loss not above Adafactor's", not_worse("came", "adafactor", "test_loss", 0));
  e.claim("test loss no more than 0.05 above AdamW's", not_worse("came", "adamw", "test_loss", 0.05));
  e.claim("state of at most 60 % of AdamW's bytes", ratio_at_most("came", "adamw", "optimizer_bytes", 0.6));
}

}  // namespace

Paper came() {
  return {.slug = "came",
          .family = "adaptive",
          .title = "CAME: Confidence-guided Adaptive Memory Efficient Optimization",
          .authors = "Luo, Ren, Zheng et al.",
          .venue = "ACL",
          .year = 2023,
          .arxiv = "2307.02047",
          .idea =
              "Adafactor's update gets momentum, and is divided by how far it strays from it, kept "
              "in factors too. Claimed: Adam's speed and quality with the memory of Adafactor.",
          .equations =
              "u = Adafactor's clipped update\n"
              "m = beta1*m + (1-beta1)*u\n"
              "U = factored mean of (u - m)^2\n"
              "w = w - lr * m/sqrt(U)",
          .files = {"optim/rules/came.cpp", "optim/vocabulary/factored.cpp"},
          .use = "gradus train --optim came:lr=3e-4",
          .experiment = came_experiment,
          .minutes = 3};
}

}  // namespace gradus::paper_entries
