// A model that learns, beside its gradient, from the targets of the examples it was trained on.
#pragma once

#include <span>

#include "core/tensor.h"

namespace gradus {

class LossWatcher {
 public:
  virtual ~LossWatcher() = default;
  /// After a step: the targets of its batches, in the order in which they were passed.
  virtual void watch(std::span<const Tensor> targets) = 0;
};

}  // namespace gradus
