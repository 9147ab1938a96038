#include "nn/ranking/approx_ndcg.h"

#include <algorithm>
#include <cmath>

#include "autograd/ops/elementwise.h"
#include "autograd/ops/reduce.h"
#include "autograd/ops/shape_ops.h"
#include "nn/ranking/ndcg.h"

namespace gradus {

Tensor approx_ndcg(const Tensor& scores, const IntTensor& labels, const ApproxNdcgOptions& options) {
  const ListMask mask = ListMask::of_labels(labels);
  mask.check_scores(scores, "approx_ndcg");
  const int64 b = mask.lists(), n = mask.items();
  Tensor others = mask.real_pairs();  // without an item itself
  for (int64 i = 0; i < b * n; ++i) others.mutable_data()[i * n + i % n] = 0;

  const Tensor s_i = reshape(scores, {b, n, 1}), s_j = reshape(scores, {b, 1, n});
  const Tensor behind =
      maximum(sigmoid(static_cast<real>(-options.alpha) * (s_i - s_j)), Tensor::scalar(real(1e-10)));
  const Tensor pos = 1 + sum(masked(behind, others), {2});  // (B,n)

  Tensor weights = relevance_gains(labels);  // over IDCG and the number of lists, for logarithms to base e
  const Tensor ideal = ideal_dcg(labels);
  for (int64 i = 0; i < b * n; ++i)
    weights.mutable_data()[i] *= static_cast<real>(std::log(2.0)) /
                                 (std::max(ideal.data()[i / n], real(1e-10)) * static_cast<real>(b));
  return -sum(weights / log(1 + pos));
}

}  // namespace gradus
