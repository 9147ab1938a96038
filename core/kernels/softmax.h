// Softmax over the last axis, and softmax with cross-entropy, as fused passes.
//   p_j = exp(x_j - lse),  lse = log sum_j exp(x_j), computed after subtracting the row's maximum.
#pragma once

#include "core/tensor.h"

namespace gradus::kernels {

/// x (...,C), C >= 1 -> p.
Tensor softmax(const Tensor& x);
/// dx = p * (g - sum(g*p)).
Tensor softmax_grad(const Tensor& g, const Tensor& p);
/// x - lse.
Tensor log_softmax(const Tensor& x);
/// dx = g - exp(y) * sum(g).
Tensor log_softmax_grad(const Tensor& g, const Tensor& y);

/// Losses (N) of logits (N,C) with labels in 0..C-1 (already checked): lse - (1-s) x_label - s mean(x), s the
/// label smoothing. `lse`, if given, receives the (N) log-sums for the gradient.
Tensor cross_entropy_rows(const Tensor& logits, const IntTensor& labels, real smoothing,
                          Tensor* lse = nullptr);
/// dlogits[n,j] = g[n] * (exp(x_nj - lse_n) - (1-s)[j == label] - s/C), g (N).
Tensor cross_entropy_rows_grad(const Tensor& g, const Tensor& logits, const IntTensor& labels, real smoothing,
                               const Tensor& lse);

}  // namespace gradus::kernels
