// What a run of active learning is: everything that decides its result. The one place where its settings are named.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "core/options.h"

namespace gradus {

struct ActiveConfig {
  std::string data = "digits", model = "mlp", strategy = "margin";
  int64 budget = 500, rounds = 10;
  std::optional<int64> initial, pool;
  std::string optim = "adam", schedule = "constant";
  int64 batch_size = 50, epochs = 10, least_steps = 300;
  int64 seed = 0;
  int threads = 0;
  std::string augment, data_dir, save;

  void visit(auto&& f) {
    f("data", data, "data set whose training part is the pool, NAME[:key=value,...]; see 'data list'");
    f("model", model, "model, trained afresh each round, NAME[:key=value,...]; see 'model list'");
    f("strategy", strategy, "which labels are asked for, NAME[:key=value,...]; see 'data strategies'");
    f("budget", budget, "labels in all", at_least(1));
    f("rounds", rounds, "rounds they are asked for in; the first one is drawn at random", at_least(1));
    f("initial", initial, "labels of the first round; else as many as of the others", at_least(1));
    f("pool", pool, "examples of the pool: the first N of the training part; else all", at_least(1));
    f("optim", optim, "optimizer, NAME[:key=value,...]; see 'optim list'");
    f("schedule", schedule, "factor on the step size, NAME[:key=value,...]; see 'optim schedules'");
    f("batch_size", batch_size, "examples a batch", at_least(1));
    f("epochs", epochs, "passes over what is labelled, each round", at_least(1));
    f("least_steps", least_steps, "steps each round at least", at_least(0));
    f("seed", seed, "of initial weights, order, dropout and the strategy's draws", at_least(0));
    f("threads", threads, "threads; 0: one a processor", at_least(0));
    f("augment", augment, "changes to the training images, e.g. 'pad-crop,flip'");
    f("data_dir", data_dir, "where data sets lie; else $GRADUS_DATA, then ./datasets");
    f("save", save, "also write the weights of the last round to this file");
  }
  /// Labels of round r = 0..rounds-1; they add up to the budget.
  int64 labels_of(int64 round) const;
};

/// Throws UsageError, naming the flag, for unknown names and options and for settings that contradict each other. Opens no file.
void check(const ActiveConfig& config);
/// config.json of a run, and what --print-config prints. --config takes it back.
nlohmann::ordered_json config_json(const ActiveConfig& config);
/// Throws UsageError if `given` names a setting that a resumed run cannot change. It can: threads, save, data_dir.
void check_active_resumable(const OptionList& given);

}  // namespace gradus
