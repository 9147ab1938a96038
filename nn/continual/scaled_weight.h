// A layer's weight that acts on some directions of its input through a small trainable matrix.
//
// Paper: Yang et al., "Restricted Orthogonal Gradient Projection for Continual Learning", AI Open 4 (2023), arXiv 2301.12131.
//   W_eff = W - W S S' + W S Q S',  S (in,s) orthonormal, Q (s,s), the identity at first: W_eff = W then
#pragma once

#include "core/tensor.h"

namespace gradus {

/// W_eff, differentiable in W and Q; W where S has no columns. weight (out,in), space (in,s), scale (s,s). Throws ShapeError.
Tensor scaled_weight(const Tensor& weight, const Tensor& space, const Tensor& scale);
/// ||Q - I||_F^2; 0 for an empty Q.
Tensor scale_penalty(const Tensor& scale);

}  // namespace gradus
