// Differentiable changes of shape and indexing.
#pragma once

#include <span>
#include <vector>

#include "autograd/graph.h"

namespace gradus {

/// One extent may be -1: it follows from the others.
Tensor reshape(const Tensor& x, const std::vector<int64>& dims);
Tensor reshape(const Tensor& x, const Shape& shape);
inline Tensor reshape(const Tensor& x, std::initializer_list<int64> dims) {
  return reshape(x, std::vector<int64>(dims));
}
Tensor flatten(const Tensor& x, int from_axis);  ///< (A,B,C) from axis 1 -> (A, B*C)
Tensor permute(const Tensor& x, const std::vector<int>& order);
Tensor transpose(const Tensor& x, int a = -2, int b = -1);
Tensor broadcast_to(const Tensor& x, const Shape& shape);
Tensor concat(std::span<const Tensor> parts, int axis);
Tensor stack(std::span<const Tensor> parts, int axis);
Tensor slice(const Tensor& x, int axis, int64 begin, int64 end, int64 step = 1);
std::vector<Tensor> split(const Tensor& x, int axis, const std::vector<int64>& sizes);
/// Elements begin, begin+step, ... of each axis (`step` > 0), `count` of them: slices along all axes at once.
Tensor slice_nd(const Tensor& x, const std::vector<int64>& begin, const std::vector<int64>& count,
                const std::vector<int64>& step);
/// before/after zeros (or `value`) on each axis.
Tensor pad(const Tensor& x, const std::vector<int64>& before, const std::vector<int64>& after,
           real value = 0);
Tensor flip(const Tensor& x, int axis);
Tensor roll(const Tensor& x, int axis, int64 shift);
/// x taken at `index` (rank 1) along an axis.
Tensor index_select(const Tensor& x, int axis, const IntTensor& index);
/// Adjoint of index_select: zeros of extent `size` on the axis, the parts of x added at `index`.
Tensor scatter_add(const Tensor& x, int axis, const IntTensor& index, int64 size);
/// out[..., j, ...] = x[..., index[..., j, ...], ...]: index has x's shape but for the axis.
Tensor gather(const Tensor& x, int axis, const IntTensor& index);
/// Adjoint of gather: zeros of extent `size` on the axis, elements of x added where index says.
Tensor gather_adjoint(const Tensor& x, int axis, const IntTensor& index, int64 size);
/// out[i] = the element of x at flat position index[i]; index may have any shape.
Tensor take(const Tensor& x, const IntTensor& index);
/// Adjoint of take: zeros of the given shape, the elements of x added at their positions.
Tensor put_add(const Tensor& x, const IntTensor& index, const Shape& shape);
/// Rows of a table (V,D) by token ids of any shape: (..., D).
Tensor embedding(const Tensor& table, const IntTensor& ids);

}  // namespace gradus
