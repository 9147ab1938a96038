// MoMo.
// Paper: Schaipp, Ohana, Eickenberg, Defazio, Gower, "MoMo: Momentum Models for Adaptive Learning Rates", ICML 2024, arXiv
//        2305.07583.
//   fbar, d, gam = means (beta) of f, g, <w,g>
//   tau = min(lr, max(fbar + <w,d> - gam, 0)/||d||^2)
//   w = w - tau*d
// The claims at our scale: with lr = 1, never tuned, MoMo is as accurate as SGD with momentum at its best step size, and its
// accuracy stays where it is for larger lr, where SGD's falls to chance; the same for MoMo-Adam and Adam.
// Departures: MNIST and the paper's perceptron alone, 8,000 images in 4 epochs; SGD's gradients are dampened as MoMo's are.
#include "apps/papers/entries.h"
#include "apps/papers/experiment.h"
#include "apps/papers/settings.h"
#include "apps/papers/sweep.h"

namespace gradus::paper_entries {
namespace {

// Final runs: the accuracy over all step sizes, and that of the given one.
Outcome momo_sweep(const Trial& trial) {
  const bool adam = trial.word("family") == "adam";
  const std::vector<double> all = adam ? std::vector<double>{1e-4, 1e-3, 1e-2, 1e-1, 1, 10}
                                       : std::vector<double>{1e-2, 1e-1, 1, 10, 100, 1000};
  TrainConfig config{.data = "mnist:limit=8000",
                     .model = "mlp:hidden=100-100",
                     .schedule = "constant",
                     .epochs = 4,
                     .batch_size = 128,
                     .eval_every = kAtTheEnd};
  config.optim = trial.word("optim");
  Outcome outcome;
  const double lr = trial.number("lr");
  const Sweep result = sweep(trial, config, "lr", trial.tuning ? std::vector<double>{lr} : all);
  result.report(outcome);
  outcome.metrics["test_accuracy"] = result.at(lr);
  return outcome;
}

void momo_experiment(Experiment& e) {
  const auto arm = [&](const char* name, const char* optim, const char* family) -> Arm& {
    return e.arm(name).run(momo_sweep, {{"optim", optim}, {"family", family}, {"lr", "1"}});
  };
  arm("momo", "momo", "sgd").untuned("lr = 1 is the claim");
  e.arm("momo-adam")
      .run(momo_sweep, {{"optim", "momo-adam"}, {"family", "adam"}, {"lr", "0.01"}})
      .untuned("lr = 0.01 is the claim");
  arm("sgd", "sgd:momentum=0.9,dampening=0.9", "sgd").tune("lr", {0.01, 0.1, 1, 10});
  arm("adam", "adam", "adam").tune("lr", {1e-4, 1e-3, 1e-2, 1e-1});
  e.seeds(5);
  e.claim("MoMo with lr = 1 no more than 0.2 points below SGD with momentum at its best",
          not_worse("momo", "sgd", "test_accuracy", 0.002));
  e.claim("MoMo-Adam with lr = 0.01 no more than 0.2 points below Adam at its best",
          not_worse("momo-adam", "adam", "test_accuracy", 0.002));
  e.claim("MoMo comes within a point of its best for two more step sizes (of 6, a decade apart) than SGD",
          better("momo", "sgd", "usable_count", 1.5));
  e.claim("MoMo-Adam comes within a point of its best for one more step size than Adam",
          better("momo-adam", "adam", "usable_count", 0.5));
}

}  // namespace

Paper momo() {
  return {.slug = "momo",
          .family = "stepsize",
          .title = "MoMo: Momentum Models for Adaptive Learning Rates",
          .authors = "Schaipp, Ohana, Eickenberg et al.",
          .venue = "ICML",
          .year = 2024,
          .arxiv = "2305.07583",
          .idea =
              "Averages of past losses and gradients make a model of the loss, cut off at a lower bound; its "
              "minimiser is momentum "
              "with a Polyak-like step size. Claimed: as good as a tuned step size, over a far wider range "
              "of them.",
          .equations =
              "fbar, d, gam = means of f, g, <w,g>\n"
              "tau = min(lr, max(fbar + <w,d> - gam, 0)/||d||^2)\n"
              "w = w - tau*d",
          .files = {"optim/rules/momo.cpp"},
          .use = "gradus train --optim momo:lr=1",
          .experiment = momo_experiment,
          .minutes = 2};
}

}  // namespace gradus::paper_entries
