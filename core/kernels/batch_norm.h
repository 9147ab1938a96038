// Batch normalisation of (N,C,...) over all axes but 1, optionally with ReLU, as fused passes.
//
// Paper: Ioffe, Szegedy, "Batch Normalization", ICML 2015, arXiv 1502.03167.
// Per channel c, over m = N*H*W elements:
//   y = w * (x - mean) * rstd + b,   rstd = 1 / sqrt(var + eps),   var biased.
//   dx = w * rstd * (g - sum(g)/m - xhat * sum(g*xhat)/m),   dw = sum(g*xhat),   db = sum(g);
// with ReLU, g counts only where y > 0, which is found again from x. With a shortcut s, y = relu(norm(x) + s), as at the
// end of a residual block (He et al., arXiv 1512.03385), and ds = g where y > 0.
#pragma once

#include "core/communicator.h"
#include "core/tensor.h"

namespace gradus::kernels {

struct BatchStats {
  Tensor mean, var, rstd;  ///< (C) each; var biased
  /// Ranks that each have a part of the batch, whose statistics are those of the whole; null: this is the whole batch. To be
  /// set before the forward pass. Each rank makes the same passes in the same order.
  Communicator* ranks = nullptr;
  int64 count = 0;  ///< elements of a channel that the statistics are of
};

struct NormGrads {
  Tensor dx, dw, db;  ///< dw and db undefined where not asked for
  Tensor ds;          ///< of the shortcut, if there was one
};

/// weight and bias (C) or undefined (1 and 0). Fills `stats`. The statistics of planes (one channel of one
/// image) are put together in double: var = (sum of their squared deviations + inner * those of their means) / m. A shortcut has the shape of x and goes with relu only. Throws
/// ShapeError.
Tensor batch_norm(const Tensor& x, const Tensor& weight, const Tensor& bias, real eps, bool relu,
                  BatchStats& stats, const Tensor& shortcut = {});
/// All gradients of batch_norm for dy = g.
NormGrads batch_norm_grad(const Tensor& g, const Tensor& x, const Tensor& weight, const Tensor& bias,
                          const BatchStats& stats, bool relu, const Tensor& shortcut = {});
/// y = relu?(x * gain + offset), gain and offset (C): batch norm with given statistics.
Tensor channel_affine(const Tensor& x, const Tensor& gain, const Tensor& offset, bool relu);

}  // namespace gradus::kernels
