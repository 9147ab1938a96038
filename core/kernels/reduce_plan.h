// How a reduction walks over a tensor.
#pragma once

#include <utility>
#include <vector>

#include "core/kernels/reduce.h"
#include "core/tensor.h"

namespace gradus::kernels {

/// x seen as kept outer positions, reduced outer positions and one contiguous run that is either reduced or kept as a
/// whole.
struct ReducePlan {
  ReducePlan(const Shape& x, AxisMask axes);

  std::vector<int64> kept{0}, reduced{0};  // offsets, row-major order
  int64 run = 1;
  bool run_reduced = true;
};

}  // namespace gradus::kernels
