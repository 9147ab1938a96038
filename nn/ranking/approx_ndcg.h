// ApproxNDCG: NDCG with ranks counted by sigmoids.
// Paper: Qin, Liu, Li, "A General Approximation Framework for Direct Optimization of Information Retrieval Measures",
//        Information Retrieval 2010.
//   pos_i = 1 + sum over j != i of max( sigmoid(-alpha (s_i - s_j)), 1e-10 )
//   loss = - mean over lists of sum over i of (2^y_i - 1)/log2(1 + pos_i) / max(IDCG, 1e-10)
#pragma once

#include "core/options.h"
#include "nn/ranking/list_mask.h"

namespace gradus {

struct ApproxNdcgOptions {
  double alpha = 1;
  void visit(auto&& f) {
    f("alpha", alpha, "steepness of the sigmoids; without bound the ranks are exact", positive());
  }
};

/// scores (B,n), labels (B,n) with padding -1 last. Lists without a relevant item count with 0.
Tensor approx_ndcg(const Tensor& scores, const IntTensor& labels, const ApproxNdcgOptions& options = {});

}  // namespace gradus
