// A part of a batch passes through a model as it does within the whole batch: dropout draws for an example what it would draw
// for it there, batch norm takes the statistics of the whole where it is told whom to ask. So several ranks that have a part
// each train as one process does that has the batch.
#pragma once

#include "core/communicator.h"
#include "nn/module.h"

namespace gradus {

/// Which examples of a batch pass through a model.
struct BatchPart {
  int64 begin = 0, size = 0, total = 0;  ///< total 0: all of them
  Communicator* statistics =
      nullptr;  ///< who has the other parts, for batch norm over all; null: it is over this part
};

/// While alive, what passes through modules on this thread is this part of a batch. A part is not empty.
class BatchPartScope {
 public:
  explicit BatchPartScope(const BatchPart& part);
  ~BatchPartScope();
  BatchPartScope(const BatchPartScope&) = delete;
  BatchPartScope& operator=(const BatchPartScope&) = delete;

 private:
  BatchPart before_;
};
/// That of the innermost scope.
const BatchPart& batch_part();

/// Each element 1 with probability p, else 0, by run.rng, which then stands where it would stand after the whole batch. The
/// examples lie along `axis`: the first one may have several rows an example.
Tensor keep_mask(RunState& run, const Shape& shape, double p, int axis = 0);
/// Dropout in training mode: x / (1-p) where it is kept.
Tensor dropout_of_batch(const Tensor& x, double p, RunState& run, int axis = 0);

}  // namespace gradus
