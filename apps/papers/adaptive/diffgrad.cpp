// diffGrad.
// Paper: Dubey, Chakraborty, Roy, Mukherjee, Singh, Chaudhuri, "diffGrad: An Optimization Method for Convolutional Neural Networks",
//        IEEE TNNLS 2020, arXiv 1909.11015.
//   xi = 1/(1 + exp(-|g' - g|))                      g' the gradient of the step before
//   w = w - lr*sqrt(1-beta2^t)/(1-beta1^t) * xi*m/(sqrt(v) + eps)
// The claims at our scale: on a function of one variable with a global and a local minimum it overshoots less than Adam and ends
// in the global one; and it trains a convolutional network to Adam's accuracy.
//   f(x) = (x + 0.3)^2 for x <= 0, (x - 0.2)^2 + 0.05 above; from about -1, lr 0.1, beta1 0.95
// Adam with half the step size is beside it: where gradients are small xi is near 1/2, and the two are nearly the same rule.
// Departures: one of the paper's three functions, as remembered; a small network on Fashion-MNIST in place of ResNet-50 on CIFAR.
#include <algorithm>
#include <cmath>

#include "apps/papers/entries.h"
#include "apps/papers/experiment.h"
#include "apps/papers/landscape.h"
#include "apps/papers/settings.h"
#include "core/rng.h"

namespace gradus::paper_entries {
namespace {

// 20 starts: the share that ends at the global minimum, and the mean of how far the walks went beyond it.
Outcome diffgrad_valley(const Trial& trial) {
  const Landscape f{[](std::span<const double> w, std::span<double> g) {
    const double x = w[0], from = x <= 0 ? x + 0.3 : x - 0.2;
    g[0] = 2 * from;
    return from * from + (x <= 0 ? 0 : 0.05);
  }};
  Rng rng = Rng(static_cast<std::uint64_t>(trial.seed)).fork("start");
  const int64 starts = trial.quick ? 2 : 20, steps = trial.quick ? 20 : 300;
  double global = 0, beyond = 0;
  for (int64 k = 0; k < starts; ++k) {
    trial.checkpoint(static_cast<double>(k) / static_cast<double>(starts));
    Walk walk(trial.word("optim"), std::vector<double>{rng.uniform(-1.2, -0.8)});
    double furthest = -1;
    for (int64 t = 0; t < steps; ++t) {
      walk.step(f);
      furthest = std::max(furthest, walk.point()[0]);
    }
    global += std::abs(walk.point()[0] + 0.3) < 0.01 ? 1.0 / static_cast<double>(starts) : 0;
    beyond += std::max(furthest + 0.3, 0.0) / static_cast<double>(starts);
  }
  Outcome outcome;
  outcome.metrics = {{"global_share", global}, {"overshoot_error", beyond}};
  return outcome;
}

void diffgrad_experiment(Experiment& e) {
  e.setting({.data = "fashion-mnist:limit=5000",
             .model = "lenet:conv1=8,conv2=16",
             .schedule = "multistep:milestones=4",
             .epochs = 5,
             .batch_size = 64,
             .eval_every = kAtTheEnd});
  e.arm("diffgrad").optim("diffgrad").tune("lr", {1e-3, 2e-3, 4e-3, 8e-3});
  e.arm("adam").optim("adam").tune("lr", {5e-4, 1e-3, 2e-3, 4e-3});
  e.arm("sgd").optim("sgd:momentum=0.9").tune("lr", {1e-2, 2e-2, 5e-2, 1e-1});
  const char* const fixed = "the paper's settings of its functions";
  e.arm("diffgrad-valley").run(diffgrad_valley, {{"optim", "diffgrad:lr=0.1,beta1=0.95"}}).untuned(fixed);
  e.arm("adam-valley").run(diffgrad_valley, {{"optim", "adam:lr=0.1,beta1=0.95"}}).untuned(fixed);
  e.arm("half-adam-valley").run(diffgrad_valley, {{"optim", "adam:lr=0.05,beta1=0.95"}}).untuned(fixed);
  e.seeds(5);
  e.claim("goes less far beyond the global minimum than Adam",
          better("diffgrad-valley", "adam-valley", "overshoot_error"));
  e.claim("ends in it from at least as many starts",
          not_worse("diffgrad-valley", "adam-valley", "global_share", 0));
  e.claim("test accuracy no more than 0.3 points below Adam's",
          not_worse("diffgrad", "adam", "test_accuracy", 0.003));
  e.claim("test accuracy no more than 0.3 points below that of SGD",
          not_worse("diffgrad", "sgd", "test_accuracy", 0.003));
  e.claim("goes less far beyond the minimum than Adam with half the step size",
          better("diffgrad-valley", "half-adam-valley", "overshoot_error").reported_only());
}

}  // namespace

Paper diffgrad() {
  return {.slug = "diffgrad",
          .family = "adaptive",
          .title = "diffGrad: An Optimization Method for Convolutional Neural Networks",
          .authors = "Dubey, Chakraborty, Roy et al.",
          .venue = "IEEE TNNLS",
          .year = 2020,
          .arxiv = "1909.11015",
          .idea =
              "Adam's step is multiplied by a friction between 1/2 and 1 that grows with the change of the "
              "gradient: shorter steps "
              "near an optimum. Claimed: less overshooting, and better accuracy of convolutional networks.",
          .equations =
              "xi = 1/(1 + exp(-|g' - g|))\n"
              "w = w - lr*sqrt(1-beta2^t)/(1-beta1^t) * xi*m/(sqrt(v) + eps)",
          .files = {"optim/rules/diffgrad.cpp"},
          .use = "gradus train --optim diffgrad:lr=2e-3",
          .experiment = diffgrad_experiment,
          .minutes = 3};
}

}  // namespace gradus::paper_entries
