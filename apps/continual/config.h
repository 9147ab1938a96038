// What a run of continual learning is: everything that decides its result. The one place where its settings are named.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "core/options.h"

namespace gradus {

struct ContinualConfig {
  std::string data = "digits", tasks = "split", method = "replay", drift;
  int64 epochs = 5, batch_size = 64;
  int64 hidden = 64, features = 32;
  std::optional<int64> limit, test_limit;
  int64 seed = 0;
  int threads = 0;
  std::string data_dir, save;
  std::optional<int64> save_every;

  void visit(auto&& f) {
    f("data", data, "data set of labelled images, NAME[:key=value,...]; see 'data list'");
    f("tasks", tasks,
      "how it becomes a stream of tasks, NAME[:key=value,...]: split, permuted, rotated; see 'data tasks'");
    f("method", method, "how they are learned, NAME[:key=value,...]; see 'continual list'");
    f("drift", drift,
      "an unlabelled stream of the test images of all tasks seen behind each but the first, "
      "NAME[:key=value,...]: abrupt, "
      "gradual, recurring; see 'data drifts'");
    f("epochs", epochs, "passes over what a task is learned from", at_least(1));
    f("batch_size", batch_size, "examples a batch", at_least(1));
    f("hidden", hidden, "hidden units of the network", at_least(1));
    f("features", features, "features under the classifier, where it grows", at_least(1));
    f("limit", limit, "the first N training examples only", at_least(1));
    f("test_limit", test_limit, "the first N test examples only", at_least(1));
    f("seed", seed, "of the stream, initial weights, order and the method's draws", at_least(0));
    f("threads", threads, "threads; 0: one a processor", at_least(0));
    f("data_dir", data_dir, "where data sets lie; else $GRADUS_DATA, then ./datasets");
    f("save", save, "also write the weights behind the last task to this file");
    f("save_every", save_every, "steps between checkpoints; else one a task", at_least(1));
  }
};

/// Throws UsageError, naming the flag, for unknown names and options. Opens no file.
void check(const ContinualConfig& config);
/// config.json of a run, and what --print-config prints. --config takes it back.
nlohmann::ordered_json config_json(const ContinualConfig& config);
/// Throws UsageError if `given` names a setting that a resumed run cannot change. It can: threads, save, data_dir, save_every.
void check_continual_resumable(const OptionList& given);

}  // namespace gradus
