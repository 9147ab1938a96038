// One run of an experiment: a training run through apps/train, or the arm's function.
#pragma once

#include <map>

#include "apps/papers/plan.h"

namespace gradus {

/// Opens data sets, and keeps the last one open: the runs of an experiment come one after the other on the same data.
class DataShelf {
 public:
  using Open = std::function<Data(const TrainConfig&)>;
  explicit DataShelf(Open open = {});
  /// Data of a final run, or for tuning: with a validation split in place of the test set.
  Data data(const TrainConfig& config, bool tuning);

 private:
  Open open_;
  std::string key_;
  Data data_;
};

/// What a run tells while it goes on: asked between steps with the share done; true stops it.
using RunMonitor = std::function<bool(double share_done)>;

/// Throws Interrupted if the monitor stopped it, what data, model and optimizer throw. A run that diverges is an outcome;
/// so is one with a metric that is not finite.
Outcome run_once(const RunSpec& spec, const Arm& arm, DataShelf& shelf, const PlanOptions& options,
                 const RunMonitor& monitor);

}  // namespace gradus
