#include "optim/bilevel/sequence_logits.h"

#include <algorithm>

#include "autograd/functional/functional.h"
#include "autograd/ops/elementwise.h"
#include "autograd/ops/nn_ops.h"
#include "autograd/ops/reduce.h"
#include "autograd/ops/shape_ops.h"
#include "core/error.h"

namespace gradus {

Tensor start_logits(const Tensor& noise, const IntTensor& start) {
  if (noise.rank() != 2 || !(start.shape() == Shape({noise.dim(0)})) || noise.dim(1) < 1)
    fail<ShapeError>("start_logits: noise {} for a start {}", noise.shape().str(), start.shape().str());
  Tensor out = noise.clone();
  const int64 letters = noise.dim(1);
  for (int64 l = 0; l < noise.dim(0); ++l) {
    if (start[l] < 0 || start[l] >= letters)
      fail<DataError>("start_logits: letter {} of {}", start[l], letters);
    real* row = out.mutable_data() + l * letters;
    std::swap(row[start[l]], *std::max_element(row, row + letters));
  }
  return out;
}

Tensor soft_kmers(const Tensor& logits, int64 k) {
  if (k < 1) fail<UsageError>("soft_kmers: k = {}", k);
  if (logits.rank() != 2 || logits.dim(0) < k)
    fail<ShapeError>("soft_kmers: logits {} for k = {}", logits.shape().str(), k);
  const Tensor p = softmax(logits);
  const int64 rows = logits.dim(0) - k + 1, letters = logits.dim(1);
  Tensor s = slice(p, 0, 0, rows);
  for (int64 j = 1; j < k; ++j)
    s = reshape(reshape(s, {rows, -1, 1}) * reshape(slice(p, 0, j, j + rows), {rows, 1, letters}),
                {rows, -1});
  return s;
}

Tensor one_hot_rows(const Tensor& soft) {
  const IntTensor at = argmax(soft, 1);
  Tensor out = Tensor::zeros(soft.shape());
  for (int64 l = 0; l < soft.dim(0); ++l) out.mutable_data()[l * soft.dim(1) + at[l]] = 1;
  return out;
}

Tensor one_hot_letters(const IntTensor& sequence, int64 letters) {
  Tensor out = Tensor::zeros({sequence.numel(), letters});
  for (int64 l = 0; l < sequence.numel(); ++l) {
    if (sequence[l] < 0 || sequence[l] >= letters)
      fail<DataError>("one_hot_letters: letter {} of {}", sequence[l], letters);
    out.mutable_data()[l * letters + sequence[l]] = 1;
  }
  return out;
}

Tensor hard_kmers(const Tensor& logits, int64 k) {
  const Tensor soft = soft_kmers(logits, k);
  return straight_through(one_hot_rows(stop_gradient(soft)), soft);
}

}  // namespace gradus
