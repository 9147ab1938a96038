// NeuralSort: a relaxed permutation matrix that sorts scores in descending order.
// Paper: Grover, Wang, Zweig, Ermon, "Stochastic Optimization of Sorting Networks via Continuous Relaxations", ICLR 2019,
//        arXiv 1903.08850, eq. 5.
//   A[j,k] = |s_j - s_k|,   B_j = sum over k of A[j,k]
//   P[i,:] = softmax over j of ( (m + 1 - 2i) s_j - B_j ) / temperature,   i = 1..m
// Row i is spread over the items that may stand at rank i. P tends to the permutation matrix as temperature -> 0.
#pragma once

#include "nn/ranking/list_mask.h"

namespace gradus {

/// scores (B,n) -> P (B,n,n); rows sum to 1. m is the number of real items of the list; entries of a real and a padded item
/// are 0, those of two padded ones 1/(number of padded items). Throws UsageError unless temperature > 0.
Tensor neural_sort(const Tensor& scores, const ListMask& mask, double temperature = 1);

}  // namespace gradus
