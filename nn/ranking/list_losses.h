// Losses of rankings that NeuralNDCG is compared with: of items, of pairs and of whole lists. scores (B,n), labels (B,n)
// with padding -1 last. Lists without a relevant item count in the means.
#pragma once

#include "core/options.h"
#include "nn/ranking/list_mask.h"

namespace gradus {

struct PointwiseMseOptions {
  bool powered_relevancies = false;
  void visit(auto&& f) {
    f("powered_relevancies", powered_relevancies, "targets are the gains 2^label - 1, else the labels");
  }
};
/// Mean over real items of (s - target)^2.
Tensor pointwise_mse(const Tensor& scores, const IntTensor& labels, const PointwiseMseOptions& options = {});

struct ListNetOptions {
  double temperature = 1;
  void visit(auto&& f) {
    f("temperature", temperature, "of the labels' distribution: small, the best item takes all", positive());
  }
};
/// Cross-entropy between the chances of each item to stand first:
///   loss = - mean over lists of sum over j of softmax(y/temperature)_j log softmax(s)_j
/// Cao, Qin, Liu, Tsai, Li, "Learning to Rank: From Pairwise Approach to Listwise Approach", ICML 2007.
Tensor listnet(const Tensor& scores, const IntTensor& labels, const ListNetOptions& options = {});

struct LambdaRankOptions {
  double sigma = 1;
  int64 k = 0;
  void visit(auto&& f) {
    f("sigma", sigma, "steepness of the pairs' logistic loss", positive());
    f("k", k, "ranks that count; 0: all", at_least(0));
  }
};
/// Logistic loss of pairs, weighted by what exchanging the two would do to NDCG in the present order (a constant of the
/// gradient):
///   loss = mean over lists of sum over y_i > y_j of |g_i - g_j| |d_i - d_j| / IDCG@k * log(1 + exp(-sigma (s_i - s_j)))
/// with d_i the discount of the rank that item i has. Burges, Ragno, Le, "Learning to Rank with Nonsmooth Cost Functions",
/// NeurIPS 2006; as a loss: Wang et al., "The LambdaLoss Framework for Ranking Metric Optimization", CIKM 2018.
Tensor lambdarank(const Tensor& scores, const IntTensor& labels, const LambdaRankOptions& options = {});

}  // namespace gradus
