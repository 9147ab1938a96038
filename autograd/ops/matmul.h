// Differentiable products of matrices.
#pragma once

#include "autograd/graph.h"

namespace gradus {

/// op(a) op(b) on the last two axes; leading axes broadcast. Either may be transposed on the fly at no cost.
/// (...,M,K) x (...,K,N) -> (...,M,N). Throws ShapeError.
Tensor matmul(const Tensor& a, const Tensor& b, bool transpose_a = false, bool transpose_b = false);

/// x W' + bias as torch's Linear: x (..., in), weight (out, in), bias (out) or undefined.
Tensor linear(const Tensor& x, const Tensor& weight, const Tensor& bias = {});
/// relu(linear(...)) in one pass.
Tensor linear_relu(const Tensor& x, const Tensor& weight, const Tensor& bias);
/// gelu(linear(...)) in one pass, which also leaves the slope for the gradient.
Tensor linear_gelu(const Tensor& x, const Tensor& weight, const Tensor& bias);
/// x (W + s B A)' + bias for thin A (r, in) and B (out, r): of one product forward, and backward of one and four thin ones where W is
/// a constant; pays where x has more rows than r. Throws ShapeError.
Tensor linear_low_rank(const Tensor& x, const Tensor& weight, const Tensor& bias, const Tensor& A,
                       const Tensor& B, real s);

}  // namespace gradus
