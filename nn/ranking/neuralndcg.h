// NeuralNDCG: NDCG of a relaxed sort, differentiable in the scores.
// Paper: Pobrotyn, Bialobrzeski, "NeuralNDCG: Direct Optimisation of a Ranking Metric via Differentiable Relaxation of
//        Sorting", 2021, arXiv 2102.07831.
//   P = sinkhorn( neural_sort(s; temperature) ),   g = 2^y - 1,   d_i = 1/log2(i+1) for i <= k, else 0
//   NDCG~ = sum over ranks i of d_i (P g)_i / (IDCG@k + 1e-10)                                NeuralNDCG
//   NDCG~ = sum over items j of g_j (P'd)_j / (IDCG@k + 1e-10)                                NeuralNDCG-T (transposed)
//   loss = - mean of NDCG~ over the lists with IDCG@k > 0
// Stochastic form, of either, averaged over samples of Gumbel noise:
//   s+ = s + |min s|,   s+ = log(s+ + 1e-10) if log_scores,   s <- s+ + beta*(-log(-log(U + 1e-10) + 1e-10)),   U ~ U(0,1)
// Departures from the reference code (allRank): with padding each list of the stochastic form keeps its own mask (there the
// samples and lists are paired in the wrong order), and the transposed form uses the same gains in the sum and in the IDCG.
#pragma once

#include "nn/ranking/sinkhorn.h"

namespace gradus {

struct NeuralNdcgOptions : SinkhornOptions {
  double temperature = 1;
  bool powered_relevancies = true;
  int64 k = 0;
  bool transposed = false, stochastic = false;
  double beta = 0.1;
  bool log_scores = true;

  void visit(auto&& f) {
    f("temperature", temperature, "of the relaxed sort; towards 0 the loss is -NDCG", positive());
    f("powered_relevancies", powered_relevancies, "gains are 2^label - 1, else the labels");
    f("k", k, "ranks that count; 0: all", at_least(0));
    f("transposed", transposed, "sort the discounts back onto the items, not the gains");
    f("stochastic", stochastic, "mean over samples with Gumbel noise on the scores");
    f("beta", beta, "size of that noise", at_least(0));
    f("log_scores", log_scores, "noise on the logarithm of the scores, moved to be >= 0");
    SinkhornOptions::visit(f);
  }
};

/// scores (B,n), labels (B,n) with padding -1 last; uniform (samples,B,n) in [0,1) for the stochastic form, else undefined.
/// 0, without a gradient, if no list has a relevant item. Throws ShapeError, UsageError, DataError (labels).
Tensor neuralndcg(const Tensor& scores, const IntTensor& labels, const NeuralNdcgOptions& options = {},
                  const Tensor& uniform = {});

}  // namespace gradus
