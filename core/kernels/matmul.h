// Products of matrices and of stacks of matrices.
#pragma once

#include "core/tensor.h"

namespace gradus {

/// Shape of op(a) op(b). Throws ShapeError naming both shapes.
Shape matmul_shape(const Shape& a, const Shape& b, bool transpose_a, bool transpose_b);

namespace kernels {
/// op(a) op(b) on the last two axes; the leading axes broadcast.
Tensor matmul(const Tensor& a, const Tensor& b, bool transpose_a, bool transpose_b);
}  // namespace kernels

}  // namespace gradus
