// The Gram matrix of the Jacobian of a model's outputs, layer by layer, without the Jacobian: what Gauss-Newton steps in
// the space of the outputs need.
//
//   outputs z (N,C) of N samples, J (N*C, d) their Jacobian in the parameters, S (N,C,K) a matrix a sample
//   M = S' J (rows (n,k)),  result M M' (N*K, N*K)
//   linear layer y = x w' + b:  the block of (n,k), (m,l) is (<x_n, x_m> + 1) * <g_nk, g_ml>,  g_nk the cotangent of y_n
//   that belongs to column k of S_n (one backward pass a column, all samples together)
//   other layers: the rows of M themselves, sample by sample
#pragma once

#include <span>

#include "autograd/graph.h"

namespace gradus {

/// `outputs` recorded from `params` sample by sample; its graph stays usable. A parameter that no output depends on adds
/// nothing. Throws ShapeError for shapes that do not fit, GraphError naming the primitive where samples influence each
/// other or a layer has no rows of its own, UsageError where the rows of one layer would exceed 2 GiB.
Tensor output_gram(const Tensor& outputs, std::span<const Tensor> params, const Tensor& root);

}  // namespace gradus
