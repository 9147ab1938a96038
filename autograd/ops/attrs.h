// Attributes of primitives whose meaning others need to know: how a call treats the axes of its inputs.
#pragma once

#include "autograd/graph.h"
#include "core/kernels/conv.h"
#include "core/kernels/pool.h"
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

/// clamp.
struct ClampRange {
  real low, high;
};

/// slice and pad: the elements begin, begin + step, ... of each axis of `whole`, `count` of them; pad puts `fill` elsewhere.
struct Window {
  std::vector<int64> begin, count, step;
  Shape whole;
  real fill = 0;
};

/// avg_pool2d and its adjoint.
struct Averaged {
  PoolSpec spec;
  Shape x;
};

/// cumsum.
struct Running {
  int axis;
  bool reverse;
};

/// conv2d and its two gradients.
struct Convolved {
  ConvSpec spec;
  Shape other;  ///< input gradient: shape of x; weight gradient: shape of w
};

/// index_select, gather and their adjoints, take, put_add.
struct Pick {
  IntTensor index;
  int axis = 0;
  int64 size = 0;  ///< extent of the axis on the picked-from side
  Shape whole;     ///< take, put_add: shape of the picked-from side
};

/// Indices or labels as an attribute holds them: a copy of their own where x is differentiated, so that the caller may
/// overwrite his before the backward pass.
inline IntTensor own_ints(const IntTensor& ints, const Tensor& x) {
  return differentiated(x) ? IntTensor::from(ints.shape(), ints.span()) : ints;
}

}  // namespace gradus
