// Training of "elalora" adapters between which ranks move: nn/adapters/elalora.h says how, this is the loop's part of it.
#pragma once

#include <functional>
#include <vector>

#include "core/rng.h"
#include "data/batch.h"
#include "nn/adapters/elalora.h"
#include "nn/adapters/registry.h"
#include "optim/optimizer.h"

namespace gradus {

struct ElasticOptions {
  MovesSchedule schedule;
  int64 k = 2;
  double beta1 = 0.85, beta2 = 0.85, reg_orth_coef = 0.1;
  bool random_targets = false;  ///< a control: new components go to adapters drawn at random
};

class ElasticTraining {
 public:
  /// The model's elalora adapters; `make` gives an optimizer of what is trainable now.
  ElasticTraining(Module& model, const ElasticOptions& options, std::function<OptimizerPtr()> make,
                  const Rng& rng);

  using Penalty = std::function<Tensor(const Batch&, const Tensor& logits)>;
  /// One step: `gradient` fills the parameters' gradients of its loss plus the penalty, and returns the loss; then the optimizer moves,
  /// importances follow, and where it is time ranks move. Tensors that change start with fresh optimizer state, as released; all others
  /// keep theirs.
  double step(const std::function<double(const Penalty&)>& gradient, double lr_scale = 1);
  std::vector<int64> ranks() const;

 private:
  void update_importance();
  void reallocate();
  /// An optimizer of the present shapes that goes on where the old one was, but for these parameters.
  void remake_optimizer(const std::vector<std::string>& changed);

  std::vector<ElaloraAdapter*> adapters_;
  std::vector<ElasticFactors> factors_;
  ElasticOptions o_;
  std::function<OptimizerPtr()> make_;
  OptimizerPtr optimizer_;
  Rng rng_;
  int64 step_ = 0;
};

}  // namespace gradus
