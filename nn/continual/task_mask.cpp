#include "nn/continual/task_mask.h"

#include <algorithm>

#include "autograd/ops/elementwise.h"
#include "autograd/ops/nn_ops.h"
#include "autograd/ops/reduce.h"
#include "core/error.h"

namespace gradus {

Tensor task_masked(const Tensor& logits, int64 first, int64 count) {
  if (logits.rank() != 2) fail<ShapeError>("task mask: logits of shape {}", logits.shape().str());
  const int64 k = logits.dim(1);
  if (first < 0 || count < 1 || first > k - count)
    fail<UsageError>("task mask: classes {}..{} of {}", first, first + count - 1, k);
  Tensor inside = Tensor::zeros({k});
  std::fill_n(inside.mutable_data() + first, count, real(1));
  return where(inside, logits, Tensor::scalar(real(-1e11)));
}

Tensor task_masked_loss(const Tensor& logits, const IntTensor& labels, int64 first, int64 count) {
  for (const int64 y : labels.span())
    if (y < first || y >= first + count)
      fail<DataError>("task mask: label {} outside of the task's classes {}..{}", y, first,
                      first + count - 1);
  return cross_entropy(task_masked(logits, first, count), labels);
}

IntTensor task_masked_prediction(const Tensor& logits, int64 first, int64 count) {
  const Recording off(false);
  return argmax(task_masked(logits, first, count), 1);
}

}  // namespace gradus
