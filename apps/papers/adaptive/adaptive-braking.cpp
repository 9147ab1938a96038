// Adaptive Braking.
// Paper: Venigalla, Kosson, Chiley, Koster, "Adaptive Braking for Mitigating Gradient Delay", 2020, arXiv 2007.01397.
//   cos = <g, v>/(||g||*||v||)  by output row,  alpha = 1 - rho*cos
//   v = momentum*v + alpha*g
//   w = w - lr*v
// The claim at our scale: with gradients 32 steps late and the step size of undelayed training, SGD with momentum loses ten points
// or diverges; with braking (rho = 2) the loss of accuracy is 3 points at most.
//   `delayed(...)`: the gradient applied now was computed 32 steps ago. Step sizes are tuned without delay.
// Departures: a perceptron with batch norm on 20,000 images of MNIST, 6 epochs, in place of ResNets on CIFAR-10 and ImageNet.
// Tried before: the same without batch norm. The delay cost momentum SGD 95 points, braking 45 (90 % interval 18 to 72) at a constant
// step size and 95.5 with a cosine schedule, whose step size without delay was 0.1.
// With batch norm, 10,000 images: the delay cost braking 3.9 points [2.9, 5.0] at a constant step size, 2.14 [1.88, 2.41] with a cosine
// schedule.
#include "apps/papers/entries.h"
#include "apps/papers/experiment.h"
#include "apps/papers/settings.h"

namespace gradus::paper_entries {
namespace {

Outcome braking_run(const Trial& trial) {
  TrainConfig config{.data = "mnist:limit=20000",
                     .model = "mlp:hidden=128-128,norm=bn",
                     .schedule = trial.word("schedule"),
                     .epochs = 6,
                     .batch_size = 64,
                     .eval_every = kAtTheEnd};
  const std::string rule = trial.word("optim") + ",lr=" + trial.word("lr");
  config.optim = rule;
  Outcome outcome = trial.train(config);
  if (trial.tuning || outcome.diverged) return outcome;
  config.optim = fmt::format("delayed({}):delay=32", rule);
  const Outcome late = trial.train(config);
  const double accuracy = late.diverged ? 0 : late.metrics.at("test_accuracy");
  outcome.metrics["late_accuracy"] = accuracy;
  outcome.metrics["delay_loss"] = outcome.metrics.at("test_accuracy") - accuracy;
  if (late.curves.contains("test_accuracy"))
    outcome.curves["late_accuracy"] = late.curves.at("test_accuracy");
  return outcome;
}

void adaptive_braking_experiment(Experiment& e) {
  const auto arm = [&](const char* name, const char* optim, const char* schedule) {
    e.arm(name).run(braking_run, {{"optim", optim}, {"schedule", schedule}}).tune("lr", {0.01, 0.03, 0.1});
  };
  const char *const braking = "adaptive-braking:momentum=0.9,rho=2", *const momentum = "sgd:momentum=0.9";
  arm("braking", braking, "constant");
  arm("momentum", momentum, "constant");
  arm("braking-cosine", braking, "cosine");
  arm("momentum-cosine", momentum, "cosine");
  e.tune_for("test_accuracy");
  e.seeds(5);
  e.claim("constant step size: a delay of 32 costs momentum SGD ten points or more",
          at_least("momentum", "delay_loss", 0.10));
  e.claim("constant step size: it costs 3 points at most with braking",
          at_most("braking", "delay_loss", 0.03));
  e.claim("constant step size: with the delay, braking is the more accurate",
          better("braking", "momentum", "late_accuracy"));
  e.claim("cosine schedule: the delay costs 2 points at most with braking",
          at_most("braking-cosine", "delay_loss", 0.02));
  e.claim("cosine schedule: with the delay, braking is the more accurate",
          better("braking-cosine", "momentum-cosine", "late_accuracy"));
}

}  // namespace

Paper adaptive_braking() {
  return {.slug = "adaptive-braking",
          .family = "adaptive",
          .title = "Adaptive Braking for Mitigating Gradient Delay",
          .authors = "Venigalla, Kosson, Chiley et al.",
          .venue = "arXiv",
          .year = 2020,
          .arxiv = "2007.01397",
          .idea =
              "Late gradients and momentum oscillate together. A gradient along the velocity is scaled down, "
              "one against it up. "
              "Claimed: delays of 32 steps and more at little loss, with the settings of undelayed training.",
          .equations =
              "cos = <g, v>/(||g||*||v||) by output row\n"
              "v = momentum*v + (1 - rho*cos)*g\n"
              "w = w - lr*v",
          .files = {"optim/rules/adaptive_braking.cpp", "optim/vocabulary/braking.cpp",
                    "optim/wrappers/training.cpp"},
          .use = "gradus train --optim 'delayed(adaptive-braking:lr=0.03):delay=32'",
          .experiment = adaptive_braking_experiment,
          .minutes = 2};
}

}  // namespace gradus::paper_entries
