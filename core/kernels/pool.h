// Two-dimensional pooling kernels on contiguous (N,C,H,W) tensors.
#pragma once

#include "core/tensor.h"

namespace gradus {

struct PoolSpec {
  int64 kernel_h = 2, kernel_w = 2;
  int64 stride_h = 2, stride_w = 2;
  int64 pad_h = 0, pad_w = 0;
  bool operator==(const PoolSpec&) const = default;
};
inline PoolSpec pool_spec(int64 kernel) { return {kernel, kernel, kernel, kernel, 0, 0}; }

/// Shape of the pooled x. Throws ShapeError.
Shape pool2d_shape(const Shape& x, const PoolSpec& spec, const char* op);

namespace kernels {
/// Largest element of each window (padding never wins; ties go to the first). `index`, if given, receives for
/// each output the position of the winner within its (H*W) plane.
Tensor max_pool2d(const Tensor& x, const PoolSpec& spec, IntTensor* index);
/// The same y, and its derivative along dx (of x's shape): what the winners carry there.
struct PoolDual {
  Tensor y, dy;
};
PoolDual max_pool2d_dual(const Tensor& x, const Tensor& dx, const PoolSpec& spec);
/// Adds each g at the position its window's winner came from.
Tensor max_pool2d_grad(const Tensor& g, const IntTensor& index, const Shape& x_shape);
/// Mean of each window; padding counts as zeros (torch's count_include_pad).
Tensor avg_pool2d(const Tensor& x, const PoolSpec& spec);
Tensor avg_pool2d_grad(const Tensor& g, const PoolSpec& spec, const Shape& x_shape);
}  // namespace kernels

}  // namespace gradus
