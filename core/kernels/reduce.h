// Reductions over any set of axes. Sums are formed in blocks that depend on the shape only, so they do not
// change with the number of threads; short runs are added in `real`, long ones in double.
#pragma once

#include <cstdint>

#include "core/tensor.h"

namespace gradus {

/// A set of axes, one bit each.
using AxisMask = std::uint32_t;
inline AxisMask axis_bit(int axis) { return AxisMask{1} << axis; }

/// Shape of x without the axes of the mask, or with extent 1 there.
Shape reduced_shape(const Shape& x, AxisMask axes, bool keep_dims);

namespace kernels {

/// Sum of n contiguous numbers.
real sum_row(const real* x, int64 n);
/// Sums over the axes of the mask; the result has shape `out` (any of the right numel).
Tensor sum(const Tensor& x, AxisMask axes, const Shape& out);
/// Largest (or smallest) elements over the axes of the mask. `index`, if given, receives the flat position in
/// x of each winner, the first one among equals; NaN wins over numbers. Throws ShapeError when there is nothing to choose from.
Tensor extremum(const Tensor& x, AxisMask axes, const Shape& out, bool largest, IntTensor* index);
/// log(sum(exp(x))) over the axes of the mask.
Tensor logsumexp(const Tensor& x, AxisMask axes, const Shape& out);
/// Running sums along one axis, from the front or from the back.
Tensor cumsum(const Tensor& x, int axis, bool reverse);

}  // namespace kernels
}  // namespace gradus
