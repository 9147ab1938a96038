// Scopes that change how a module tree runs, and put things back at the end.
#pragma once

#include <span>
#include <vector>

#include "nn/module.h"

namespace gradus {

/// While alive, the tree runs in evaluation (or training) mode.
class ModeScope {
 public:
  ModeScope(Module& module, bool training) : run_(module.run()), before_(run_.training) {
    run_.training = training;
  }
  ~ModeScope() { run_.training = before_; }
  ModeScope(const ModeScope&) = delete;
  ModeScope& operator=(const ModeScope&) = delete;

 private:
  RunState& run_;
  bool before_;
};

/// While alive, passes run in evaluation mode, but for batch norm, which normalises by the statistics of the batch and
/// sets its running statistics to their mean over all passes so far: the statistics that belong to weights that no
/// training pass has seen, such as a mean of weights. Batches should be of one size, two examples at least.
class EstimationScope {
 public:
  explicit EstimationScope(Module& module) : mode_(module, false), run_(module.run()) { run_.estimating = 0; }
  ~EstimationScope() { run_.estimating = 0; }
  EstimationScope(const EstimationScope&) = delete;
  EstimationScope& operator=(const EstimationScope&) = delete;
  /// To be called before every pass.
  void next() { ++run_.estimating; }

 private:
  ModeScope mode_;
  RunState& run_;
};

/// While alive, passes repeat the one that began at generator state `rng`: the same dropout masks, and
/// running statistics stay. Afterwards the generator continues where it was. For optimizers that evaluate a
/// mini-batch several times (SAM, line searches, finite differences).
class Reevaluation {
 public:
  Reevaluation(Module& module, const Rng::State& rng)
      : run_(module.run()), before_(run_.rng.state()), updating_(run_.update_statistics) {
    run_.rng.set_state(rng);
    run_.update_statistics = false;
  }
  ~Reevaluation() {
    run_.rng.set_state(before_);
    run_.update_statistics = updating_;
  }
  Reevaluation(const Reevaluation&) = delete;
  Reevaluation& operator=(const Reevaluation&) = delete;

 private:
  RunState& run_;
  Rng::State before_;
  bool updating_;
};

/// While alive, the module computes with `values` (in the order of module.parameters(); an undefined entry
/// keeps the parameter). Scopes nest. Throws ShapeError for a wrong count or shape.
class ParameterSwap {
 public:
  ParameterSwap(Module& module, std::span<const Tensor> values);
  ~ParameterSwap();
  ParameterSwap(const ParameterSwap&) = delete;
  ParameterSwap& operator=(const ParameterSwap&) = delete;

 private:
  std::vector<std::pair<ParamSlot, Tensor>> before_;
};

/// module(x) as a function of its parameters' values: for meta-gradients, Hessian products, per-sample
/// weights.
Tensor functional_call(Module& module, std::span<const Tensor> values, const Input& x);

}  // namespace gradus
