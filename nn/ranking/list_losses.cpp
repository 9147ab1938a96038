#include "nn/ranking/list_losses.h"

#include <cmath>

#include "autograd/ops/elementwise.h"
#include "autograd/ops/nn_ops.h"
#include "autograd/ops/reduce.h"
#include "autograd/ops/shape_ops.h"
#include "nn/ranking/ndcg.h"

namespace gradus {
namespace {

// |g_i - g_j| |d_i - d_j| / IDCG of the pairs with y_i > y_j, else 0. (B,n,n)
Tensor exchange_weights(const Tensor& scores, const IntTensor& labels, const ListMask& mask, int64 k) {
  const int64 n = mask.items();
  const Tensor gains = relevance_gains(labels), discounts = rank_discounts(n, k),
               ideal = ideal_dcg(labels, k);
  Tensor weights = Tensor::zeros({mask.lists(), n, n});
  std::vector<real> discount(static_cast<size_t>(n));
  for (int64 list = 0; list < mask.lists(); ++list) {
    if (!(ideal.data()[list] > 0)) continue;
    const int64 m = mask.real_items(list);
    const std::vector<int64> order = ranking_order(scores.data() + list * n, m);
    for (int64 r = 0; r < m; ++r)
      discount[static_cast<size_t>(order[static_cast<size_t>(r)])] = discounts.data()[r];
    const real* g = gains.data() + list * n;
    real* w = weights.mutable_data() + list * n * n;
    for (int64 i = 0; i < m; ++i)
      for (int64 j = 0; j < m; ++j)
        if (labels[list * n + i] > labels[list * n + j])
          w[i * n + j] = (g[i] - g[j]) *
                         std::abs(discount[static_cast<size_t>(i)] - discount[static_cast<size_t>(j)]) /
                         ideal.data()[list];
  }
  return weights;
}

}  // namespace

Tensor pointwise_mse(const Tensor& scores, const IntTensor& labels, const PointwiseMseOptions& options) {
  const ListMask mask = ListMask::of_labels(labels);
  mask.check_scores(scores, "pointwise_mse");
  const Tensor real_items = mask.real_mask();
  const real count = std::max(sum(real_items).item(), real(1));
  const Tensor error = scores - relevance_gains(labels, options.powered_relevancies);
  return sum(masked(square(error), real_items)) / count;
}

Tensor listnet(const Tensor& scores, const IntTensor& labels, const ListNetOptions& options) {
  const ListMask mask = ListMask::of_labels(labels);
  mask.check_scores(scores, "listnet");
  const Tensor real_items = mask.real_mask(), nowhere = Tensor::scalar(real(-1e30));
  const Tensor y = relevance_gains(labels, false) / static_cast<real>(options.temperature);
  const Tensor target = softmax(where(real_items, y, nowhere));
  const Tensor log_p = log_softmax(where(real_items, scores, nowhere));
  return -sum(masked(target * log_p, real_items)) / static_cast<real>(mask.lists());
}

Tensor lambdarank(const Tensor& scores, const IntTensor& labels, const LambdaRankOptions& options) {
  const ListMask mask = ListMask::of_labels(labels);
  mask.check_scores(scores, "lambdarank");
  const int64 b = mask.lists(), n = mask.items();
  const Tensor weights = exchange_weights(scores, labels, mask, options.k);
  const Tensor behind = reshape(scores, {b, 1, n}) - reshape(scores, {b, n, 1});  // s_j - s_i
  const Tensor loss = softplus(static_cast<real>(options.sigma) * behind);
  return sum(masked(weights * loss, weights)) / static_cast<real>(b);
}

}  // namespace gradus
