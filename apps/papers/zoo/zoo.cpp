#include "apps/papers/zoo/zoo.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "apps/papers/experiment.h"
#include "core/error.h"
#include "optim/registry.h"

namespace gradus {
namespace {

constexpr int64 kEvery = 10;  // steps between two points of a curve

// A network, what it is trained on and for how long; the target is what AdamW reaches in about half of the steps.
struct ZooTask {
  const char *name, *data, *model;
  int64 steps, batch_size;
  double target;  // of the training loss, mean of kEvery steps
};
constexpr ZooTask kTasks[] = {
    {"lenet", "mnist:limit=2000,test_limit=50", "lenet", 100, 16, 0.6},
    {"resnet8", "cifar10:limit=4000,test_limit=50", "resnet8:width=8", 100, 32, 1.95},
    {"gpt", "tinyshakespeare:val=0.001", "gpt:block=32,dim=32,layers=1", 150, 12, 2.75},
};

const ZooTask& task_named(const std::string& name) {
  for (const ZooTask& task : kTasks)
    if (name == task.name) return task;
  fail<UsageError>("zoo: no network {}", name);
}

// A gradient over all data at every tenth step would take days, twenty rounds a step over a hundred remembered pairs hours.
std::string fixed_options(const std::string& optimizer) {
  if (optimizer == "lbfgs") return "max_iter=4,history_size=10";
  return optimizer == "svrg" || optimizer == "sarah" ? "every=50" : "";
}

// The step size that is tuned: the rule's own, or that of the rule a wrapper stands around. Empty: none.
std::string default_lr(const OptimizerEntry& entry) {
  if (entry.wraps) return "1e-3";
  for (const OptionInfo& option : entry.options)
    if (option.name == "lr") return option.default_value == "none" ? "" : option.default_value;
  return "";
}

std::string spec_of(const OptimizerEntry& entry, const std::string& lr) {
  const std::string& name = entry.text.name;
  std::string options = fixed_options(name);
  if (!entry.wraps) {
    if (!lr.empty()) options += (options.empty() ? "lr=" : ",lr=") + lr;
    return options.empty() ? name : name + ":" + options;
  }
  const std::string inside = name == "companion" ? fmt::format("muon:lr={}|adamw", lr) : "adamw:lr=" + lr;
  return fmt::format("{}({}){}{}", name, inside, options.empty() ? "" : ":", options);
}

// Where the curve first falls to the target, between its points in a straight line; `budget` where it does not.
double steps_to(const Curve& curve, double target, int64 budget) {
  for (size_t i = 0; i < curve.y.size(); ++i) {
    if (curve.y[i] > target) continue;
    if (i == 0) return curve.x[0];
    const double share = (curve.y[i - 1] - target) / (curve.y[i - 1] - curve.y[i]);
    return curve.x[i - 1] + share * (curve.x[i] - curve.x[i - 1]);
  }
  return static_cast<double>(budget);
}

// What diverges or cannot train this network has not reached the target.
Outcome zoo_run(const Trial& trial) {
  const ZooTask& task = task_named(trial.word("network"));
  const OptimizerEntry& entry = find_optimizer(trial.word("optimizer"));
  const auto tuned = std::find_if(trial.options.begin(), trial.options.end(),
                                  [](const auto& option) { return option.first == "lr"; });
  TrainConfig config;
  config.data = task.data;
  config.model = task.model;
  config.optim = spec_of(entry, tuned == trial.options.end() ? "" : tuned->second);
  config.schedule = "constant";
  config.epochs.reset();
  config.steps = task.steps;
  config.batch_size = task.batch_size;
  Outcome outcome;
  double steps = static_cast<double>(task.steps);
  try {
    const Outcome run = trial.train(config, nullptr, kEvery);
    const auto curve = run.curves.find("train_loss");
    if (!run.diverged && curve != run.curves.end()) steps = steps_to(curve->second, task.target, task.steps);
    if (run.diverged) outcome.note = run.note;
  } catch (const UsageError& e) {
    outcome.note = e.what();
  }
  outcome.metrics["steps"] = steps;
  outcome.metrics["reached"] = steps < static_cast<double>(task.steps) ? 1 : 0;
  return outcome;
}

std::string arm_name(const std::string& network, const std::string& optimizer) {
  return network + ": " + optimizer;
}

void zoo_experiment(Experiment& e) {
  for (const ZooTask& task : kTasks)
    for (const OptimizerEntry& entry : optimizers()) {
      const std::string& name = entry.text.name;
      Arm& arm = e.arm(arm_name(task.name, name)).run(zoo_run, {{"network", task.name}, {"optimizer", name}});
      const std::string lr = default_lr(entry);
      if (lr.empty()) {
        arm.untuned("has no step size");
        continue;
      }
      std::vector<double> grid;
      for (const double factor : {0.1, 0.3, 1.0, 3.0, 10.0}) grid.push_back(std::stod(lr) * factor);
      arm.tune("lr", grid);
    }
  e.tune_for("steps");
  for (const ZooTask& task : kTasks) {
    const std::string adamw = arm_name(task.name, "adamw");
    e.claim(fmt::format("{}: AdamW reaches the target within the budget", task.name),
            at_least(adamw, "reached", 0.99));
    for (const OptimizerEntry& entry : optimizers())
      if (entry.text.name != "adamw")
        e.claim(fmt::format("{}: {} takes fewer steps than AdamW", task.name, entry.text.name),
                better(arm_name(task.name, entry.text.name), adamw, "steps").reported_only());
  }
}

}  // namespace

std::vector<std::string> zoo_networks() {
  std::vector<std::string> names;
  for (const ZooTask& task : kTasks) names.emplace_back(task.name);
  return names;
}

const Paper& zoo() {
  static const Paper entry = {.slug = "zoo",
                              .family = "zoo",
                              .title = "Every optimizer under one protocol",
                              .authors = "gradus",
                              .venue = "",
                              .year = 2026,
                              .idea =
                                  "Steps to a target loss on three small networks: lenet on MNIST, resnet8 "
                                  "on CIFAR-10, gpt on text. Five "
                                  "step sizes a rule (its default times 0.1 to 10; wrappers around AdamW), "
                                  "all else at its default, a "
                                  "constant step size, three seeds; each against AdamW by a paired test.",
                              .use = "gradus papers run zoo",
                              .experiment = zoo_experiment,
                              .minutes = 120};
  return entry;
}

}  // namespace gradus
