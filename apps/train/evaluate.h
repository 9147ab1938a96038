// A model's score on a data set.
#pragma once

#include <functional>
#include <optional>

#include "apps/train/task.h"
#include "core/communicator.h"

namespace gradus {

struct EvaluateOptions {
  int64 batch_size = 256;
  int64 limit = 0;        ///< examples; 0: all
  bool training = false;  ///< as in training: statistics of the batch, dropout
  /// Asked between batches; true ends the evaluation without a result.
  std::function<bool()> stop = nullptr;
  /// Called with every batch and the model's output for it.
  std::function<void(const Batch&, const Tensor&)> each = nullptr;
  /// That divide the batches among themselves; each then has all outputs. They ask `stop` together. null: this process alone.
  Communicator* ranks = nullptr;
};

/// Throws NumericError naming the first example of the batch for which the model's output is NaN or infinite.
void check_outputs(const Batch& batch, const Tensor& output);

/// In evaluation mode (unless asked otherwise), without recording, in the order of the set. Nothing if it was stopped.
/// Throws UsageError where a batch of one example cannot be run in training mode.
std::optional<Score> evaluate(Model& model, const DatasetPtr& data, const EvaluateOptions& options = {});

}  // namespace gradus
