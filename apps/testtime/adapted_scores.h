// Scores of a model that adapts to what it is shown, or is attacked.
#pragma once

#include <functional>

#include "apps/testtime/adaptation.h"
#include "apps/testtime/attack.h"
#include "apps/train/scores.h"

namespace gradus {

struct AdaptedScoring {
  const Attack* attack = nullptr;    ///< inputs are attacked first, by the weights as they are then
  Adaptation* adaptation = nullptr;  ///< gives the outputs
  int64 batch_size = 256, limit = 0;
  /// Called with every batch, as it was scored, and its output.
  std::function<void(const Batch&, const Tensor&)> each = nullptr;
};
/// In evaluation mode, in the order of the set. Throws what attacks and adaptations throw, NumericError for outputs that are not finite.
Scores adapted_scores(Model& model, const DatasetPtr& data, const AdaptedScoring& options);

}  // namespace gradus
