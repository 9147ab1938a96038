// AdaMod.
// Paper: Ding, Ren, Luo, Sun, "An Adaptive and Momental Bound Method for Stochastic Learning", 2019, arXiv 1910.12249.
//   eta = lr*sqrt(1-beta2^t)/(1-beta1^t) / (sqrt(v) + eps)
//   s = beta3*s + (1-beta3)*eta
//   w = w - min(eta, s)*m
// The claim at our scale: without warm-up, at a large step size, a transformer trains where Adam degrades, and as well as with
// warm-up.
// Departures: a transformer of two layers on characters in place of translation; the step size is the claim and is not tuned.
// Warm-up is a tenth of the steps.
#include "apps/papers/entries.h"
#include "apps/papers/experiment.h"
#include "apps/papers/settings.h"

namespace gradus::paper_entries {
namespace {

void adamod_experiment(Experiment& e) {
  TrainConfig plain = small_language_model(), warm = plain;
  warm.schedule = "cosine:warmup=50";
  e.setting("plain", plain);
  e.setting("warm-up", warm);
  for (const char* lr : {"0.01", "0.02"}) {
    e.arm(fmt::format("adamod-{}", lr)).setting("plain").optim(fmt::format("adamod:beta3=0.999,lr={}", lr));
    e.arm(fmt::format("adam-{}", lr)).setting("plain").optim(fmt::format("adam:lr={}", lr));
    e.arm(fmt::format("warm-adam-{}", lr)).setting("warm-up").optim(fmt::format("adam:lr={}", lr));
  }
  e.seeds(4);
  for (const char* lr : {"0.01", "0.02"}) {
    const std::string adamod = fmt::format("adamod-{}", lr);
    e.claim(fmt::format("step size {}: test loss at least 0.1 below Adam's without warm-up", lr),
            better(adamod, fmt::format("adam-{}", lr), "test_loss", 0.1));
    e.claim(fmt::format("step size {}: not above Adam's with warm-up", lr),
            not_worse(adamod, fmt::format("warm-adam-{}", lr), "test_loss", 0));
  }
}

}  // namespace

Paper adamod() {
  return {.slug = "adamod",
          .family = "adaptive",
          .title = "An Adaptive and Momental Bound Method for Stochastic Learning",
          .authors = "Ding, Ren, Luo et al.",
          .venue = "arXiv",
          .year = 2019,
          .arxiv = "1910.12249",
          .idea =
              "Adam's step sizes may not exceed their own running mean, which starts at zero: no "
              "element takes a huge step early on. Claimed: no warm-up needed, and better results "
              "where Adam's step sizes are unstable.",
          .equations =
              "eta = lr*sqrt(1-beta2^t)/(1-beta1^t)/(sqrt(v) + eps)\n"
              "s = beta3*s + (1-beta3)*eta\n"
              "w = w - min(eta, s)*m",
          .files = {"optim/rules/adamod.cpp"},
          .use = "gradus train --optim adamod:lr=1e-2",
          .experiment = adamod_experiment,
          .minutes = 3};
}

}  // namespace gradus::paper_entries
