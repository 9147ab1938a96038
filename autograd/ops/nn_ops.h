// Differentiable operations of neural networks: each exists as a composite of primitives (any order of
// derivative) and, where it pays, as a fused fast path that the composite backs up.
#pragma once

#include "autograd/graph.h"
#include "core/rng.h"

namespace gradus {

enum class Reduction { kMean, kSum, kNone };

Tensor softmax(const Tensor& x, int axis = -1);
Tensor log_softmax(const Tensor& x, int axis = -1);
/// Cross-entropy of logits (N,C) with labels (N) in 0..C-1: torch's, with label smoothing and optional
/// per-sample weights (N) (the mean divides by their sum). Labels out of range throw DataError.
Tensor cross_entropy(const Tensor& logits, const IntTensor& labels, Reduction reduction = Reduction::kMean,
                     real label_smoothing = 0, const Tensor& sample_weights = {});
/// Cross-entropy with target distributions (N,C).
Tensor soft_cross_entropy(const Tensor& logits, const Tensor& targets,
                          Reduction reduction = Reduction::kMean);
Tensor mse_loss(const Tensor& a, const Tensor& b, Reduction reduction = Reduction::kMean);

/// Over the last axis; weight and bias (D) or undefined.
Tensor layer_norm(const Tensor& x, const Tensor& weight, const Tensor& bias, real eps = real(1e-5));
Tensor rms_norm(const Tensor& x, const Tensor& weight, real eps = real(1e-6));
/// (N,C,...) in `groups` groups of channels; weight and bias (C) or undefined.
Tensor group_norm(const Tensor& x, int64 groups, const Tensor& weight, const Tensor& bias,
                  real eps = real(1e-5));
/// Batch statistics over all axes but 1; weight and bias (C). If given, `batch_mean` and `batch_var` (biased)
/// receive them.
Tensor batch_norm(const Tensor& x, const Tensor& weight, const Tensor& bias, real eps,
                  Tensor* batch_mean = nullptr, Tensor* batch_var = nullptr);
/// relu(batch_norm(...)) in one pass.
Tensor batch_norm_relu(const Tensor& x, const Tensor& weight, const Tensor& bias, real eps,
                       Tensor* batch_mean = nullptr, Tensor* batch_var = nullptr);
/// relu(batch_norm(...) + shortcut) in one pass: the end of a residual block. The shortcut has the shape of x.
Tensor batch_norm_add_relu(const Tensor& x, const Tensor& weight, const Tensor& bias, const Tensor& shortcut,
                           real eps, Tensor* batch_mean = nullptr, Tensor* batch_var = nullptr);
/// With given statistics (evaluation).
Tensor batch_norm_eval(const Tensor& x, const Tensor& mean, const Tensor& var, const Tensor& weight,
                       const Tensor& bias, real eps);

/// softmax(q k' * scale) v on (...,T,D); causal: position t sees s <= t. scale 0 means 1/sqrt(D).
Tensor attention(const Tensor& q, const Tensor& k, const Tensor& v, bool causal = false, real scale = 0);

/// attention of `heads` heads on one projection: qkv (B,T,3C) holds q, k and v of C columns each, head by head;
/// -> (B,T,C). scale 0 means 1/sqrt(C/heads).
Tensor self_attention(const Tensor& qkv, int64 heads, bool causal = false, real scale = 0);

/// Zeroes each element with probability p and scales the rest by 1/(1-p); draws from rng.
Tensor dropout(const Tensor& x, real p, Rng& rng);

}  // namespace gradus
