// Attributes of primitives whose meaning others need to know: how a call treats the axes of its inputs.
#pragma once

#include "core/kernels/reduce.h"
#include "core/tensor.h"

namespace gradus {

/// matmul: which operands are transposed.
struct Transposed {
  bool a, b;
};

/// sum, max, logsumexp.
struct Reduce {
  AxisMask axes;
  Shape out;       ///< of the result
  bool largest{};  ///< extremum: max or min
};

/// cumsum.
struct Running {
  int axis;
  bool reverse;
};

/// index_select, gather and their adjoints, take, put_add.
struct Pick {
  IntTensor index;
  int axis = 0;
  int64 size = 0;  ///< extent of the axis on the picked-from side
  Shape whole;     ///< take, put_add: shape of the picked-from side
};

}  // namespace gradus
