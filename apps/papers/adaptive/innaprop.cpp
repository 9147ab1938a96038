// INNAprop.
// Paper: Bolte, Boustany, Pauwels, Purica, "A second-order-like optimizer with adaptive gradient scaling for deep learning", 2024,
//        arXiv 2410.05871.
//   d = g/(sqrt(v/(1-sigma^t)) + eps)                                v the mean of g^2
//   inertial Newton dynamics with friction alpha and Newton-like damping beta on d
// The claims at our scale: with (alpha, beta) = (0.1, 0.9) the training loss after a quarter of the epochs is no higher than AdamW's;
// with (2, 2) the final test accuracy is no more than 0.3 points below AdamW's.
// Departures: a perceptron on 20,000 images of MNIST in place of CIFAR, ImageNet and GPT-2; "no higher" is a ratio of 1.05.
// Tried before: a small convolutional network on 5,000 images of Fashion-MNIST, AdamW's step size at the end of its grid: the loss 1.13
// times AdamW's [1.05, 1.21], not shown; accuracy with (2, 2) 0.05 points below AdamW's.
#include "apps/papers/entries.h"
#include "apps/papers/experiment.h"
#include "apps/papers/settings.h"

namespace gradus::paper_entries {
namespace {

Outcome innaprop_run(const Trial& trial) {
  TrainConfig config{.data = "mnist:limit=20000",  // scored every epoch
                     .model = "mlp:hidden=128-128",
                     .schedule = "cosine",
                     .epochs = 8,
                     .batch_size = 64};
  config.optim = trial.word("optim") + ",weight_decay=0.01,lr=" + trial.word("lr");
  Outcome outcome = trial.train(config);
  if (!outcome.diverged)
    outcome.metrics["quarter_loss"] = outcome.curves.at("train_loss").y.at(trial.quick ? 0 : 1);
  return outcome;
}

void innaprop_experiment(Experiment& e) {
  const auto arm = [&](const char* name, const char* optim) {
    e.arm(name).run(innaprop_run, {{"optim", optim}}).tune("lr", {3e-4, 1e-3, 2e-3, 4e-3, 8e-3});
  };
  arm("innaprop-fast", "innaprop:alpha=0.1,beta=0.9");
  arm("innaprop-slow", "innaprop:alpha=2,beta=2");
  arm("adamw", "adamw:beta1=0.9");
  e.tune_for("test_accuracy");
  e.seeds(5);
  e.claim("(0.1, 0.9): training loss of the second of eight epochs at most 1.05 times AdamW's",
          ratio_at_most("innaprop-fast", "adamw", "quarter_loss", 1.05));
  e.claim("(2, 2): test accuracy no more than 0.3 points below AdamW's",
          not_worse("innaprop-slow", "adamw", "test_accuracy", 0.003));
  e.claim("(0.1, 0.9): test accuracy no more than 0.3 points below AdamW's",
          not_worse("innaprop-fast", "adamw", "test_accuracy", 0.003).reported_only());
}

}  // namespace

Paper innaprop() {
  return {.slug = "innaprop",
          .family = "adaptive",
          .title = "A second-order-like optimizer with adaptive gradient scaling for deep learning",
          .authors = "Bolte, Boustany, Pauwels et al.",
          .venue = "arXiv",
          .year = 2024,
          .arxiv = "2410.05871",
          .idea =
              "A dynamical system with Newton-like damping, which needs no Hessian, on RMSprop's "
              "gradients. Claimed: with one pair of constants fast progress early on, with another "
              "the better end; AdamW's results or better, its memory.",
          .equations =
              "v = sigma*v + (1-sigma)*g^2,  d = g/(sqrt(v/(1-sigma^t)) + eps)\n"
              "psi = (1 - lr/beta)*psi + lr*(1/beta - alpha)*w\n"
              "w = (1 + lr*(1-alpha*beta)/(beta-lr))*w - lr/(beta-lr)*psi - lr*beta*d",
          .files = {"optim/rules/innaprop.cpp"},
          .use = "gradus train --optim innaprop:alpha=0.1,beta=0.9",
          .experiment = innaprop_experiment,
          .minutes = 1};
}

}  // namespace gradus::paper_entries
