// D-Adaptation.
// Paper: Defazio, Mishchenko, "Learning-Rate-Free Learning by D-Adaptation", ICML 2023, arXiv 2301.07733.
//   s = s + d*g,  d_hat = lower bound of the distance to the solution from s and the gradients so far
//   d = max(d, d_hat);  steps as SGD or Adam with d in the place of the step size
// The claim at our scale: without a step size to tune, in the convex case within 0.3 points of SGD and Adam with theirs tuned,
// and this for first estimates d0 from 1e-8 to 1e-4.
//   softmax regression of MNIST, 5 epochs, linear decay to 0
// Departures: one convex problem in place of twelve and of the networks; growth_rate is left at infinity, as the theory has it.
// Tried before: 10,000 images. D-Adapted SGD was 0.13 points above SGD, D-Adapted Adam 0.64 below Adam (90 % interval 0.55 to 0.72);
// d0 changed its accuracy by 0.40 points.
// 20,000 images: D-Adapted Adam 0.25 points below tuned Adam [0.14, 0.36] over eight seeds, 0.26 [0.19, 0.33] over twenty, within noise
// of 0.3; d0 changed its accuracy by 0.23. Here the growth from d0 takes a smaller part of more steps.
#include "apps/papers/entries.h"
#include "apps/papers/experiment.h"
#include "apps/papers/settings.h"
#include "apps/papers/sweep.h"

namespace gradus::paper_entries {
namespace {

const TrainConfig kDistanceSetting{.data = "mnist",
                                   .model = "mlp:hidden=none",
                                   .schedule = "linear",
                                   .epochs = 5,
                                   .batch_size = 128,
                                   .eval_every = kAtTheEnd};

Outcome distance_sweep(const Trial& trial) {
  TrainConfig config = kDistanceSetting;
  config.optim = trial.word("optim");
  Outcome outcome;
  sweep(trial, config, "d0", {1e-8, 1e-6, 1e-4}).report(outcome);
  outcome.metrics["test_accuracy"] = outcome.metrics.at("accuracy_worst");
  return outcome;
}

void d_adaptation_experiment(Experiment& e) {
  e.setting(kDistanceSetting);
  for (const char* optim : {"dadapt-sgd", "dadapt-adam"})
    e.arm(optim)
        .run(distance_sweep, {{"optim", optim}})
        .untuned("it has no step size; its figure is the worst of three d0");
  e.arm("sgd").optim("sgd").tune("lr", {0.01, 0.03, 0.1, 0.3, 1});
  e.arm("adam").optim("adam").tune("lr", {3e-4, 1e-3, 3e-3, 1e-2, 3e-2});
  e.seeds(20);
  e.claim("D-Adapted SGD, untuned: worst test accuracy over d0 no more than 0.3 points below tuned SGD's",
          not_worse("dadapt-sgd", "sgd", "test_accuracy", 0.003));
  e.claim("D-Adapted Adam, untuned: worst test accuracy over d0 no more than 0.3 points below tuned Adam's",
          not_worse("dadapt-adam", "adam", "test_accuracy", 0.003));
  for (const char* optim : {"dadapt-sgd", "dadapt-adam"})
    e.claim(fmt::format("{}: d0 changes the test accuracy by 0.3 points at most", optim),
            at_most(optim, "accuracy_spread", 0.003));
}

}  // namespace

Paper d_adaptation() {
  return {.slug = "d-adaptation",
          .family = "stepsize",
          .title = "Learning-Rate-Free Learning by D-Adaptation",
          .authors = "Defazio, Mishchenko",
          .venue = "ICML",
          .year = 2023,
          .arxiv = "2301.07733",
          .idea =
              "The step size of convex theory needs the distance to the solution; a lower bound of it grows "
              "along the way and takes "
              "its place. Claimed: the accuracy of hand-tuned step sizes, without tuning.",
          .equations =
              "s = s + d*g\n"
              "d_hat = (gamma*||s||^2 - sum_i gamma_i*d_i^2*||g_i||^2)/(2*||s||)\n"
              "d = max(d, d_hat)",
          .files = {"optim/rules/dadapt_sgd.cpp", "optim/rules/dadapt_adam.cpp"},
          .use = "gradus train --optim dadapt-adam",
          .experiment = d_adaptation_experiment,
          .minutes = 2};
}

}  // namespace gradus::paper_entries
