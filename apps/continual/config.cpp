#include "apps/continual/config.h"

#include "apps/cli/flags.h"
#include "apps/continual/learners.h"
#include "apps/train/config.h"
#include "data/registry.h"
#include "data/tasks/drift_stream.h"
#include "data/tasks/task_stream.h"

namespace gradus {

void check(const ContinualConfig& config) {
  in_flag("--tasks", [&] { parse_task_stream(config.tasks); });
  in_flag("--method", [&] { make_learner(config.method, NetworkSizes{.inputs = 1, .classes = 1}); });
  if (!config.drift.empty()) in_flag("--drift", [&] { parse_drift(config.drift); });
  in_flag("--data", [&] { find_dataset(parse_spec(config.data).name); });
}

nlohmann::ordered_json config_json(const ContinualConfig& config) { return options_json(config); }

void check_continual_resumable(const OptionList& given) {
  check_resumable(given, {"threads", "save", "data_dir", "save_every"});
}

}  // namespace gradus
