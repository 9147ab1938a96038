// AdaBelief.
// Paper: Zhuang, Tang, Ding, Tatikonda, Dvornek, Papademetris, Duncan, "AdaBelief Optimizer: Adapting Stepsizes by
//        the Belief in Observed Gradients", NeurIPS 2020, arXiv 2010.07468.
//   m = beta1*m + (1-beta1)*g
//   v = beta2*v + (1-beta2)*(g - m)^2 + eps
//   w = w - lr/(1-beta1^t) * m / ( sqrt(v/(1-beta2^t)) + eps )
// The claims of the abstract at our scale: it trains images to Adam's accuracy or better and to that of SGD with
// momentum, and takes no more steps than Adam on small functions of two variables.
// Departures: a small network on 28 x 28 images in place of ResNets on CIFAR and ImageNet; language models and GANs are
// left out.
#include "apps/papers/entries.h"
#include "apps/papers/experiment.h"

namespace gradus::paper_entries {
namespace {

void adabelief_experiment(Experiment& e) {
  e.setting({.data = "fashion-mnist:limit=12000",
             .model = "lenet",
             .schedule = "multistep:milestones=330,unit=steps",
             .epochs = 5,
             .batch_size = 128});
  e.arm("adabelief")
      .optim("adabelief:eps=1e-8,decoupled=false,weight_decay=5e-4")
      .tune("lr", {5e-4, 1e-3, 2e-3, 4e-3});
  e.arm("adam").optim("adam:decoupled=false,weight_decay=5e-4").tune("lr", {5e-4, 1e-3, 2e-3, 4e-3});
  e.arm("sgd").optim("sgd:momentum=0.9,weight_decay=5e-4").tune("lr", {1e-2, 3e-2, 1e-1, 2e-1});
  e.claim("test accuracy no worse than Adam's by 0.1 points",
          not_worse("adabelief", "adam", "test_accuracy", 0.001));
  e.claim("test accuracy no worse than SGD's by 0.3 points",
          not_worse("adabelief", "sgd", "test_accuracy", 0.003));
}

}  // namespace

Paper adabelief() {
  return {.slug = "adabelief",
          .family = "adaptive",
          .title = "AdaBelief Optimizer: Adapting Stepsizes by the Belief in Observed Gradients",
          .authors = "Zhuang, Tang, Ding et al.",
          .venue = "NeurIPS",
          .year = 2020,
          .arxiv = "2010.07468",
          .idea =
              "Adam's second moment becomes that of the gradient's deviation from its own running mean: "
              "steps are long "
              "where gradients are as expected, short where they surprise. Claimed: as fast as Adam, as "
              "accurate on "
              "test data as SGD.",
          .equations =
              "m = beta1*m + (1-beta1)*g\n"
              "v = beta2*v + (1-beta2)*(g - m)^2 + eps\n"
              "w = w - lr/(1-beta1^t) * m/(sqrt(v/(1-beta2^t)) + eps)",
          .files = {"optim/rules/adabelief.cpp"},
          .use = "gradus train --optim adabelief:lr=1e-3",
          .experiment = adabelief_experiment,
          .minutes = 5};
}

}  // namespace gradus::paper_entries
