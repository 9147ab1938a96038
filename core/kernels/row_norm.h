// Layer norm and RMS norm over the last axis as fused passes.
//
// Layer norm: Ba, Kiros, Hinton, arXiv 1607.06450.   y = w * xhat + b,  xhat = (x - mean) * rstd,
//   dx = rstd * (w*g - mean(w*g) - xhat * mean(w*g*xhat)),  dw = sum over rows of g*xhat,  db = sum of g.
// RMS norm: Zhang, Sennrich, NeurIPS 2019, arXiv 1910.07467.   xhat = x * rstd, rstd = 1/sqrt(mean(x^2)+eps),
//   dx = rstd * (w*g - xhat * mean(w*g*xhat)).
#pragma once

#include "core/kernels/batch_norm.h"
#include "core/tensor.h"

namespace gradus::kernels {

/// x (...,D); weight, bias (D) or undefined. mean and rstd, if given, receive the (rows) statistics, which the
/// gradient takes. Throws ShapeError.
Tensor layer_norm(const Tensor& x, const Tensor& weight, const Tensor& bias, real eps, Tensor* mean = nullptr,
                  Tensor* rstd = nullptr);
/// dx, and dw and db where `parameters`.
NormGrads layer_norm_grad(const Tensor& g, const Tensor& x, const Tensor& weight, const Tensor& mean,
                          const Tensor& rstd, bool parameters);

Tensor rms_norm(const Tensor& x, const Tensor& weight, real eps, Tensor* rstd = nullptr);
/// dx, and dw where `parameters`; db stays undefined.
NormGrads rms_norm_grad(const Tensor& g, const Tensor& x, const Tensor& weight, const Tensor& rstd,
                        bool parameters);

}  // namespace gradus::kernels
