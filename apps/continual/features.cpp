#include "apps/continual/features.h"

#include <algorithm>

#include "autograd/ops/elementwise.h"
#include "autograd/ops/nn_ops.h"
#include "autograd/ops/shape_ops.h"
#include "core/error.h"

namespace gradus {

LabelledRows joined_rows(const LabelledRows& a, const LabelledRows& b) {
  if (!a.x) return b;
  if (!b.x) return a;
  std::vector<int64> y = a.y.values();
  const std::vector<int64> more = b.y.values();
  y.insert(y.end(), more.begin(), more.end());
  const Recording off(false);
  return {concat(std::vector<Tensor>{a.x, b.x}, 0), IntTensor::from({std::ssize(y)}, y)};
}

LabelledRows chosen_rows(const LabelledRows& rows, const std::vector<int64>& index) {
  std::vector<int64> y;
  for (const int64 i : index) y.push_back(rows.y[i]);
  const Recording off(false);
  const IntTensor at = IntTensor::from({std::ssize(index)}, index);
  return {index_select(rows.x, 0, at), IntTensor::from({std::ssize(y)}, y)};
}

LabelledRows batch_at(const LabelledRows& rows, int64 batch_size, int64 step, const Rng& rng) {
  const int64 n = rows.x.dim(0), each = (n + batch_size - 1) / batch_size, from = step % each * batch_size;
  const std::vector<int64> order = rng.fork(static_cast<std::uint64_t>(step / each)).permutation(n);
  return chosen_rows(rows, {order.begin() + from, order.begin() + std::min(n, from + batch_size)});
}

LabelledRows batch_in_order(const LabelledRows& rows, int64 batch_size, int64 step) {
  const int64 n = rows.x.dim(0), each = (n + batch_size - 1) / batch_size, from = step % each * batch_size,
              to = std::min(n, from + batch_size);
  return {rows.x.rows(from, to), rows.y.rows(from, to)};
}

Tensor competing_loss(const Tensor& logits, const IntTensor& y, const std::vector<int64>& groups) {
  if (groups.empty()) return cross_entropy(logits, y);
  const int64 k = logits.dim(1);
  Tensor inside = Tensor::zeros(logits.shape());
  for (int64 i = 0; i < y.numel(); ++i) {
    const auto behind = std::upper_bound(groups.begin(), groups.end(), y[i]);
    if (behind == groups.begin() || y[i] >= k)
      fail<DataError>("task mask: label {} is in no task's classes", y[i]);
    const int64 first = *(behind - 1), end = behind == groups.end() ? k : std::min(k, *behind);
    std::fill_n(inside.mutable_data() + i * k + first, end - first, real(1));
  }
  return cross_entropy(where(inside, logits, Tensor::scalar(real(-1e11))), y);
}

}  // namespace gradus
