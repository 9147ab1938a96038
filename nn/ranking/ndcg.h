// Normalised discounted cumulative gain: the measure of a ranking by graded labels.
// Paper: Jarvelin, Kekalainen, "Cumulated gain-based evaluation of IR techniques", ACM TOIS 2002; gains and logarithm as
//        in Burges et al., ICML 2005.
//   DCG@k = sum over ranks i = 1..k of gain(item at rank i) * d_i,   d_i = 1/log2(i+1),   gain = 2^label - 1
//   NDCG@k = DCG@k / DCG@k of the order by labels
#pragma once

#include "nn/ranking/list_mask.h"

namespace gradus {

/// 2^label - 1 of labels (B,n), or the label itself if not powered; 0 of padding.
Tensor relevance_gains(const IntTensor& labels, bool powered = true);
/// d_1..d_n (n), 0 beyond k; k = 0 means n.
Tensor rank_discounts(int64 n, int64 k = 0);
/// DCG@k of the best order (B).
Tensor ideal_dcg(const IntTensor& labels, int64 k = 0, bool powered = true);
/// Real items of a list by descending scores; of equal ones the first stands first.
std::vector<int64> ranking_order(const real* scores, int64 items);
/// NDCG@k of each list ranked by scores (B,n); 1 where no item is relevant (every order is right).
Tensor ndcg(const Tensor& scores, const IntTensor& labels, int64 k = 0);

}  // namespace gradus
