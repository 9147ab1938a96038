#include "nn/ranking/neural_sort.h"

#include "autograd/ops/elementwise.h"
#include "autograd/ops/nn_ops.h"
#include "autograd/ops/reduce.h"
#include "autograd/ops/shape_ops.h"
#include "core/error.h"

namespace gradus {

Tensor neural_sort(const Tensor& scores, const ListMask& mask, double temperature) {
  mask.check_scores(scores, "neural_sort");
  if (!(temperature > 0)) fail<UsageError>("neural_sort: temperature = {} must be > 0", temperature);
  const int64 b = mask.lists(), n = mask.items();
  Tensor rank_factor(Shape{b, n, 1});  // m + 1 - 2i
  for (int64 list = 0; list < b; ++list)
    for (int64 i = 1; i <= n; ++i)
      rank_factor.mutable_data()[list * n + i - 1] = static_cast<real>(mask.real_items(list) + 1 - 2 * i);

  const Tensor s = reshape(scores, {b, 1, n});
  Tensor A = abs(reshape(scores, {b, n, 1}) - s);  // (B,n,n)
  if (mask.any()) A = masked(A, mask.real_pairs());
  const Tensor B = sum(A, {1}, true);  // (B,1,n)
  Tensor logits = (rank_factor * s - B) / static_cast<real>(temperature);
  if (mask.any()) {
    // Far below any logit, yet finite: a row of padding alone then has no inf - inf.
    const Tensor otherwise = where(mask.padded_pairs(), Tensor::scalar(0), Tensor::scalar(real(-1e30)));
    logits = where(mask.real_pairs(), logits, otherwise);
  }
  return softmax(logits);
}

}  // namespace gradus
