// Sequences as logits, so that a design can be moved by gradients: hard tokens forward, soft ones backward.
//
// Paper: Chen, Zhang, Liu, Coates, "Bidirectional Learning for Offline Model-based Biological Sequence Design", ICML 2023,
// arXiv 2301.02931; straight-through: Bengio, Leonard, Courville, 2013, arXiv 1308.3432.
//   P = softmax of each row of the logits (L,A);  S = P, or of k neighbours the products
//   S[l, (..(a1*A + a2)*A + ..) + ak] = P[l,a1]*P[l+1,a2]*...*P[l+k-1,ak]
//   tokens = one-hot of the argmax of S in value, with the gradient of S
#pragma once

#include "autograd/graph.h"

namespace gradus {

/// Noise (L,A) with, in each row, the entry of the start's letter (L) and the row's largest (the first of equals) swapped, so
/// that the argmax is the start. Throws ShapeError, DataError for a letter out of range.
Tensor start_logits(const Tensor& noise, const IntTensor& start);

/// S (L-k+1, A^k). Throws UsageError for k < 1, ShapeError for sequences shorter than k.
Tensor soft_kmers(const Tensor& logits, int64 k = 1);

/// One-hot of each row's largest, the first of equals; a constant.
Tensor one_hot_rows(const Tensor& soft);

/// Letters (L) as rows (L, letters) of one 1. Throws DataError for a letter out of range.
Tensor one_hot_letters(const IntTensor& sequence, int64 letters);

/// Tokens with the gradient of S.
Tensor hard_kmers(const Tensor& logits, int64 k = 1);

}  // namespace gradus
