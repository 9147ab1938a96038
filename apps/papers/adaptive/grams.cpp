// Grams.
// Paper: Cao, Li, Song, "Grams: Gradient Descent with Adaptive Momentum Scaling", 2024, arXiv 2412.17107.
//   m, v as Adam's;  u = m/(1-beta1^t) / (sqrt(v/(1-beta2^t)) + eps)
//   w = w - lr * sign(g)*|u|
// The claim at our scale: a transformer reaches a lower loss than with Adam and with cautious Adam, each at its own step size.
// Tried before: four seeds, one for tuning: 0.023 below Adam [-0.003, 0.050], 0.036 above cautious Adam [0.019, 0.053].
// Eight seeds, two for tuning, step sizes of 1e-3 to 1.2e-2, without warm-up like the first: 0.018 below Adam [0.007, 0.028], 0.003 above
// cautious Adam [-0.022, 0.027].
// Departures: two layers on characters, 500 steps, 25 of warm-up, in place of language models of 60 million parameters and more.
#include "apps/papers/entries.h"
#include "apps/papers/experiment.h"
#include "apps/papers/settings.h"

namespace gradus::paper_entries {
namespace {

void grams_experiment(Experiment& e) {
  TrainConfig config = small_language_model();
  config.schedule = "cosine:warmup=25";
  e.setting(config);
  const std::vector<double> lr = {2e-3, 4e-3, 6e-3, 1e-2, 1.5e-2, 2e-2};
  e.arm("grams").optim("grams:beta2=0.99").tune("lr", lr);
  e.arm("adam").optim("adam:beta2=0.99").tune("lr", lr);
  e.arm("cautious-adam").optim("adam:beta2=0.99,cautious=true").tune("lr", lr);
  e.tune_for("test_loss");
  e.seeds(8, 2);
  e.claim("test loss at least 0.02 below Adam's", better("grams", "adam", "test_loss", 0.02));
  e.claim("test loss not above cautious Adam's", not_worse("grams", "cautious-adam", "test_loss", 0));
}

}  // namespace

Paper grams() {
  return {.slug = "grams",
          .family = "adaptive",
          .title = "Grams: Gradient Descent with Adaptive Momentum Scaling",
          .authors = "Cao, Li, Song",
          .venue = "arXiv",
          .year = 2024,
          .arxiv = "2412.17107",
          .idea =
              "The size of a step is Adam's, its sign the present gradient's: momentum scales and "
              "does not steer. Claimed: faster convergence and better generalisation than Adam, "
              "Lion and their cautious forms.",
          .equations =
              "u = m/(1-beta1^t)/(sqrt(v/(1-beta2^t)) + eps)\n"
              "w = w - lr * sign(g)*|u|",
          .files = {"optim/rules/grams.cpp"},
          .use = "gradus train --optim grams:lr=6e-3",
          .experiment = grams_experiment,
          .minutes = 2};
}

}  // namespace gradus::paper_entries
