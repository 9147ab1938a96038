// Losses beside those of autograd/ops/nn_ops.h (cross_entropy, soft_cross_entropy, mse_loss). All are made of
// differentiable operations. kMean is the mean over all elements (or samples, where the loss is one per
// sample), kNone keeps them apart. Shapes that do not fit throw ShapeError.
#pragma once

#include "autograd/ops/nn_ops.h"

namespace gradus {

/// -t log s(x) - (1 - t) log(1 - s(x)) with s the sigmoid, computed as softplus(x) - t x; same shapes.
Tensor bce_with_logits(const Tensor& logits, const Tensor& targets, Reduction reduction = Reduction::kMean);
/// |a - b|.
Tensor l1_loss(const Tensor& a, const Tensor& b, Reduction reduction = Reduction::kMean);
/// d^2 / 2 for |d| = |a - b| <= delta, else delta (|d| - delta / 2). Huber, 1964.
Tensor huber_loss(const Tensor& a, const Tensor& b, real delta = 1, Reduction reduction = Reduction::kMean);

/// KL(p || q) = sum_c p (log p - log q) per row of (N,C), from log q and p (0 log 0 = 0); the mean is over
/// rows (torch's "batchmean").
Tensor kl_loss(const Tensor& log_q, const Tensor& p, Reduction reduction = Reduction::kMean);
/// T^2 KL(softmax(teacher / T) || softmax(student / T)): knowledge distillation. Hinton, Vinyals, Dean, 2015,
/// arXiv 1503.02531. The teacher is not differentiated.
Tensor distillation_loss(const Tensor& student, const Tensor& teacher, real temperature = 1,
                         Reduction reduction = Reduction::kMean);

/// Multi-class hinge of Crammer and Singer as torch's multi_margin_loss:
///   1/C sum over c != y of max(0, margin - x_y + x_c);  logits (N,C), labels (N).
Tensor hinge_loss(const Tensor& logits, const IntTensor& labels, real margin = 1,
                  Reduction reduction = Reduction::kMean);
/// max(0, |a - p| - |a - n| + margin) with Euclidean distances of rows (N,D). Schroff et al., CVPR 2015.
Tensor triplet_loss(const Tensor& anchor, const Tensor& positive, const Tensor& negative, real margin = 1,
                    Reduction reduction = Reduction::kMean);
/// Cross-entropy of picking the own partner among all: logits_ij = cos(a_i, b_j) / temperature, label i.
/// van den Oord et al., 2018, arXiv 1807.03748. a, b (N,D).
Tensor info_nce(const Tensor& a, const Tensor& b, real temperature = real(0.1),
                Reduction reduction = Reduction::kMean);

/// 1 where the largest logit (N,C) is not that of the label (ties go to the first), else 0: (N). No gradient passes.
Tensor zero_one_loss(const Tensor& logits, const IntTensor& labels);

/// Rows of (N,D) over their Euclidean length (at least eps).
Tensor normalise_rows(const Tensor& x, real eps = real(1e-8));

}  // namespace gradus
