// AdaGO.
// Paper: Zhang, Liu, Schaeffer, "AdaGrad Meets Muon: Adaptive Stepsizes for Orthogonal Updates", 2025, arXiv 2509.02981.
//   V = V + min(||G||, gamma)^2,  alpha = max(eps, lr*min(||G||, gamma)/sqrt(V))
//   W = W - alpha*orthogonalised momentum
// The claim at our scale: without a schedule it ends at a lower training loss than Muon and Adam with constant step sizes, and as
// accurate.
// Departures: a small network on Fashion-MNIST in place of ResNets on CIFAR-10.
#include "apps/papers/entries.h"
#include "apps/papers/experiment.h"
#include "apps/papers/settings.h"

namespace gradus::paper_entries {
namespace {

void adago_experiment(Experiment& e) {
  TrainConfig config = small_images(5000, 6);
  config.schedule = "constant";
  e.setting(config);
  const auto arm = [&](const char* name, const char* optim, const std::vector<double>& lr) {
    e.arm(name).optim(optim).set("companion", "adam:lr=1e-3").tune("optim.lr", lr);
  };
  arm("adago", "adago:eps=5e-4", {0.02, 0.05, 0.1, 0.2, 0.5});
  arm("muon", "muon", {1e-3, 3e-3, 1e-2, 3e-2, 1e-1});
  arm("adam", "adam", {3e-4, 1e-3, 2e-3, 4e-3, 1e-2});
  e.seeds(5);
  for (const char* baseline : {"muon", "adam"}) {
    e.claim(fmt::format("lower training loss than {}", baseline), better("adago", baseline, "train_loss"));
    e.claim(fmt::format("test accuracy no more than 0.2 points below that of {}", baseline),
            not_worse("adago", baseline, "test_accuracy", 0.002));
  }
}

}  // namespace

Paper adago() {
  return {.slug = "adago",
          .family = "layerwise",
          .title = "AdaGrad Meets Muon: Adaptive Stepsizes for Orthogonal Updates",
          .authors = "Zhang, Liu, Schaeffer",
          .venue = "arXiv",
          .year = 2025,
          .arxiv = "2509.02981",
          .idea =
              "Muon's orthogonalised direction with AdaGrad-norm's step size, which falls as "
              "gradients accumulate. Claimed: better than Muon and Adam, and no schedule needed.",
          .equations =
              "V = V + min(||G||, gamma)^2\n"
              "alpha = max(eps, lr*min(||G||, gamma)/sqrt(V))\n"
              "W = W - alpha*NewtonSchulz(m)",
          .files = {"optim/rules/adago.cpp"},
          .use = "gradus train --optim adago:lr=0.05",
          .experiment = adago_experiment,
          .minutes = 4};
}

}  // namespace gradus::paper_entries
