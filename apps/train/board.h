// The metrics of a run for TensorBoard.
#pragma once

#include "apps/train/run_dir.h"
#include "core/tensorboard.h"

namespace gradus {

/// An event file in a run's directory. A run that is resumed adds another, which TensorBoard joins to the first.
class Board {
 public:
  explicit Board(const RunDirectory& run) : events_(run.path()) {}
  /// The row's numbers as loss/train, loss/test, loss/validation, accuracy/train, accuracy/test,
  /// accuracy/validation, lr and epoch; none where there is
  /// no value. Throws DataError (disk full).
  void append(const MetricsRow& row);

 private:
  EventWriter events_;
};

}  // namespace gradus
