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
  bool carry_state = true;      ///< false: tensors that change start with fresh optimizer state, as released
};

class ElasticTraining {
 public:
  /// The model's elalora adapters; `make` gives an optimizer of what is trainable now.
  ElasticTraining(Module& model, const ElasticOptions& options, std::function<OptimizerPtr()> make,
                  const Rng& rng);

  using Penalty = std::function<Tensor(const Batch&, const Tensor& logits)>;
  /// One step: `gradient` fills the parameters' gradients of its loss plus the penalty, and returns the loss; then the optimizer moves,
  /// importances follow, and where it is time ranks move. The optimizer's state goes along: what it keeps element by element of rows and
  /// columns that stay is kept, that of new ones is 0. A tensor that changes and of which it keeps anything else starts afresh.
  double step(const std::function<double(const Penalty&)>& gradient, double lr_scale = 1);
  std::vector<int64> ranks() const;

  const Optimizer& optimizer() const { return *optimizer_; }

 private:
  // A factor whose components moved, of this shape before.
  struct MovedFactor {
    std::string name;
    Shape before;
    int axis;
    const ComponentMap* map;
  };
  void update_importance();
  void reallocate();
  /// An optimizer of the present shapes that goes on where the old one was.
  void remake_optimizer(const std::vector<MovedFactor>& moved);

  std::vector<ElaloraAdapter*> adapters_;
  std::vector<ElasticFactors> factors_;
  ElasticOptions o_;
  std::function<OptimizerPtr()> make_;
  OptimizerPtr optimizer_;
  Rng rng_;
  int64 step_ = 0;
};

}  // namespace gradus
