// The weights of a run to evaluate and to save, where these are not the ones its optimizer steps on.
//
// Batch norm's running statistics belong to the weights that the training passes saw. At other weights (a mean of
// weights) they are wrong, and are estimated anew from training examples: Wu and Johnson, "Rethinking 'Batch' in
// BatchNorm", 2021, arXiv 2105.07576, section 3 ("precise" statistics, for which 1,000 to 10,000 examples are enough);
// Izmailov et al., "Averaging Weights Leads to Wider Optima and Better Generalization", UAI 2018, arXiv 1803.05407.
#pragma once

#include <functional>
#include <optional>
#include <utility>
#include <vector>

#include "data/dataset.h"
#include "nn/model.h"
#include "optim/optimizer.h"

namespace gradus {

/// While alive, the weights to evaluate are in place: means of --ema, points that optimizers average, the step that
/// pending batches make at the end of a run; with them the statistics of batch norm that belong to them. Afterwards
/// all is as it was, so that training goes on as if nothing had happened.
class EvaluationWeights {
 public:
  struct Options {
    bool means = true;  ///< false: of the weights that are trained, no mean
    std::optional<double>
        finish{};  ///< the run is at its end: the factor on the step size of pending batches
    /// Asked between batches of the estimation; true ends it.
    std::function<bool()> stop = nullptr;
  };
  /// Statistics are estimated on examples of `train` in an order of their own, as they are: no augmentation, no dropout.
  EvaluationWeights(Optimizer& optimizer, Model& model, const DatasetPtr& train, const Options& options);
  ~EvaluationWeights();
  EvaluationWeights(const EvaluationWeights&) = delete;
  EvaluationWeights& operator=(const EvaluationWeights&) = delete;

  /// False if `stop` ended the estimation: nothing is to be evaluated then.
  bool complete() const { return complete_; }

 private:
  explicit EvaluationWeights(Optimizer& optimizer) : optimizer_(optimizer) {}

  Optimizer& optimizer_;
  std::optional<std::pair<Snapshot, SavedState>> unfinished_;  // before the step of pending batches
  bool means_ = false, complete_ = true;
  std::vector<std::pair<Tensor, Tensor>> statistics_;  // where they lie, and what was there
};

}  // namespace gradus
