// AMP.
// Paper: Zheng, Zhang, Mao, "Regularizing Neural Networks via Adversarial Model Perturbation", CVPR 2021, arXiv 2010.04925.
//   delta = the projection of inner_lr*g on the ball of radius epsilon, tensor by tensor
//   SGD with the gradient at w + delta
// The claim at our scale: with few examples, lower test error than SGD on the loss itself, each tuned.
// Departures: 2,000 images of MNIST and a perceptron in place of CIFAR with ResNets, and of augmentation; one ascent step.
#include "apps/papers/entries.h"
#include "apps/papers/experiment.h"
#include "apps/papers/settings.h"

namespace gradus::paper_entries {
namespace {

void amp_experiment(Experiment& e) {
  e.setting({.data = "mnist:limit=2000",
             .model = "mlp:hidden=100-100",
             .schedule = "multistep:milestones=10-15",
             .epochs = 20,
             .batch_size = 50,
             .eval_every = kAtTheEnd});
  const std::vector<double> lr = {0.02, 0.05};
  e.arm("amp")
      .optim("amp(sgd:momentum=0.9,weight_decay=1e-4):inner_lr=1")
      .tune("lr", lr)
      .tune("epsilon", {0.1, 0.2, 0.4, 0.8});
  e.arm("erm").optim("sgd:momentum=0.9").tune("lr", lr).tune("weight_decay", {0.0, 1e-4, 1e-3, 5e-3});
  e.arm("sam")
      .optim("sam(sgd:momentum=0.9,weight_decay=1e-4)")
      .tune("lr", lr)
      .tune("rho", {0.02, 0.05, 0.1, 0.2});
  e.seeds(8);
  e.claim("higher test accuracy than SGD", better("amp", "erm", "test_accuracy"));
  e.claim("lower test loss than SGD", better("amp", "erm", "test_loss"));
  e.claim("test accuracy no more than 0.2 points below that of SAM",
          not_worse("amp", "sam", "test_accuracy", 0.002).reported_only());
}

}  // namespace

Paper amp() {
  return {.slug = "amp",
          .family = "curvature",
          .title = "Regularizing Neural Networks via Adversarial Model Perturbation",
          .authors = "Zheng, Zhang, Mao",
          .venue = "CVPR",
          .year = 2021,
          .arxiv = "2010.04925",
          .idea =
              "The loss is replaced by its maximum over a ball around the weights, one ball a "
              "tensor, found by an ascent step. Claimed: flatter minima, and less test error than "
              "other regularisations.",
          .equations =
              "delta = project(inner_lr*grad L(w), epsilon) tensor by tensor\n"
              "w = w - lr * grad L(w + delta), by SGD with momentum",
          .files = {"optim/wrappers/amp.cpp", "optim/wrappers/refine.cpp"},
          .use = "gradus train --optim 'amp(sgd:lr=0.05,momentum=0.9):epsilon=0.2'",
          .experiment = amp_experiment,
          .minutes = 2};
}

}  // namespace gradus::paper_entries
