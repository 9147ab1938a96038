// Adam.
// Paper: Kingma, Ba, "Adam: A Method for Stochastic Optimization", ICLR 2015, arXiv 1412.6980.
//   m = beta1*m + (1-beta1)*g
//   v = beta2*v + (1-beta2)*g^2
//   w = w - lr * m/(1-beta1^t) / (sqrt(v/(1-beta2^t)) + eps)
// The claims at our scale: its training loss is as low as that of the best of SGD with Nesterov momentum, AdaGrad and RMSprop, or
// lower, for logistic regression and for a perceptron; and without the bias correction, with beta2 near 1, training is unstable at
// step sizes where it is stable with it.
// Departures: 10,000 images and five epochs, a perceptron of 256-256 units in place of 1000-1000; the convolutional network and the
// variational autoencoder are left out.
// "As low" is a ratio of training losses of 1.05.
// Tried before: the perceptron without the paper's dropout, five seeds: Adam's training loss is 1.46 times Nesterov's (90 % interval 1.35
// to 1.59), 0.089 and 0.061, the other ratios as claimed. With dropout, step sizes falling as 1/sqrt(t) for the perceptron too: 1.26
// [1.21, 1.31], not shown. That decay is the paper's for its convex problem alone; here the perceptron's step sizes are constant.
#include "apps/papers/entries.h"
#include "apps/papers/experiment.h"
#include "apps/papers/settings.h"
#include "apps/papers/sweep.h"

namespace gradus::paper_entries {
namespace {

// 300 steps with beta2 = 0.9999 over step sizes.
Outcome adam_correction(const Trial& trial) {
  TrainConfig config{.data = "mnist:limit=10000",
                     .model = "mlp:hidden=256-256",
                     .schedule = "constant",
                     .steps = 300,
                     .batch_size = 128,
                     .eval_every = kAtTheEnd};
  config.optim = fmt::format("adam:beta1=0.9,beta2=0.9999,bias_correction={}", trial.word("bias_correction"));
  Outcome outcome;
  sweep(trial, config, "lr", {1e-3, 3e-3, 1e-2}).report(outcome);
  return outcome;
}

void adam_experiment(Experiment& e) {
  const std::pair<const char*, const char*> models[] = {{"logistic", "mlp:hidden=none"},
                                                        {"mlp", "mlp:hidden=256-256,dropout=0.5"}};
  for (const auto& [name, model] : models)
    e.setting(name, {.data = "mnist:limit=10000",
                     .model = model,
                     .schedule = *name == 'l' ? "inverse-sqrt" : "constant",
                     .epochs = 5,
                     .batch_size = 128,
                     .eval_every = kAtTheEnd});
  const std::pair<const char*, std::vector<double>> rules[] = {
      {"adam", {3e-4, 1e-3, 3e-3, 1e-2, 3e-2}},
      {"sgd:momentum=0.9,nesterov=true", {0.01, 0.03, 0.1, 0.3, 1}},
      {"adagrad", {3e-3, 1e-2, 3e-2, 1e-1, 3e-1}},
      {"rmsprop", {3e-4, 1e-3, 3e-3, 1e-2, 3e-2}}};
  const auto arm_name = [](const std::string& rule, const char* model) {
    return fmt::format("{}-{}", rule.substr(0, rule.find(':')), model);
  };
  for (const auto& [name, model] : models)
    for (const auto& [rule, lr] : rules) e.arm(arm_name(rule, name)).setting(name).optim(rule).tune("lr", lr);
  for (const char* on : {"true", "false"})
    e.arm(*on == 't' ? "corrected" : "uncorrected")
        .run(adam_correction, {{"bias_correction", on}})
        .untuned("step sizes are swept");
  e.tune_for("train_loss");
  e.seeds(10);
  for (const auto& [name, model] : models)
    for (const auto& [rule, lr] : rules)
      if (std::string(rule) != "adam")
        e.claim(fmt::format("{}: training loss at most 1.05 times that of {}", name, rule),
                ratio_at_most(arm_name("adam", name), arm_name(rule, name), "train_loss", 1.05));
  e.claim(
      "beta2 = 0.9999, 300 steps: the worst accuracy over step sizes from 1e-3 to 1e-2 is higher with bias "
      "correction",
      better("corrected", "uncorrected", "accuracy_worst"));
}

}  // namespace

Paper adam() {
  return {.slug = "adam",
          .family = "adaptive",
          .title = "Adam: A Method for Stochastic Optimization",
          .authors = "Kingma, Ba",
          .venue = "ICLR",
          .year = 2015,
          .arxiv = "1412.6980",
          .idea =
              "Running means of gradient and squared gradient, both corrected for their start at zero; a "
              "step is their ratio. "
              "Claimed: as fast as the best of the other methods or faster, with little tuning.",
          .equations =
              "m = beta1*m + (1-beta1)*g\n"
              "v = beta2*v + (1-beta2)*g^2\n"
              "w = w - lr * m/(1-beta1^t)/(sqrt(v/(1-beta2^t)) + eps)",
          .files = {"optim/rules/adam.cpp", "optim/rules/adam_forms.cpp"},
          .use = "gradus train --optim adam:lr=1e-3",
          .experiment = adam_experiment,
          .minutes = 2};
}

}  // namespace gradus::paper_entries
