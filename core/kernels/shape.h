// Kernels that move elements without changing them.
#pragma once

#include <vector>

#include "core/tensor.h"

namespace gradus::kernels {

/// out[i0,i1,...] = x.data()[offset + i0*strides[0] + i1*strides[1] + ...]: permutations, slices, reversals and
/// broadcasts are all of this form. Strides may be zero or negative.
Tensor strided_read(const Tensor& x, const Shape& out, const std::vector<int64>& strides, int64 offset = 0);
/// The other direction: zeros (or `fill`) of shape `out`, then out[offset + i . strides] = x[i]. The places
/// written must not overlap.
Tensor strided_write(const Tensor& x, const Shape& out, const std::vector<int64>& strides, int64 offset,
                     real fill = 0);

/// Row-major strides of a shape.
std::vector<int64> strides_of(const Shape& shape);

/// y(o,j,i) = x(o, index[j], i) for x (outer, extent, inner); index values must lie in range.
Tensor index_select(const Tensor& x, int axis, const IntTensor& index);
/// Zeros with extent `size` on the axis; y(o, index[j], i) += x(o,j,i).
Tensor scatter_add(const Tensor& x, int axis, const IntTensor& index, int64 size);
/// y(o,j,i) = x(o, index(o,j,i), i).
Tensor gather(const Tensor& x, int axis, const IntTensor& index);
/// Zeros with extent `size` on the axis; y(o, index(o,j,i), i) += x(o,j,i).
Tensor gather_adjoint(const Tensor& x, int axis, const IntTensor& index, int64 size);
/// y[i] = x.data()[index[i]], in the shape of index.
Tensor take(const Tensor& x, const IntTensor& index);
/// Zeros of shape `out`; y.data()[index[i]] += x[i].
Tensor put_add(const Tensor& x, const IntTensor& index, const Shape& out);

}  // namespace gradus::kernels
