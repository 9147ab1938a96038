#include "nn/alignment/token_scores.h"

#include "autograd/ops/elementwise.h"
#include "autograd/ops/nn_ops.h"
#include "autograd/ops/reduce.h"
#include "autograd/ops/shape_ops.h"
#include "core/error.h"
#include "core/statistics.h"

namespace gradus {

Tensor token_logp(const Tensor& logits, const IntTensor& targets) {
  const int axis = logits.rank() - 1;
  bool fits = axis >= 0 && targets.rank() == axis;
  for (int i = 0; fits && i < axis; ++i) fits = targets.dim(i) == logits.dim(i);
  if (!fits)
    fail<ShapeError>("token_logp: logits {} and targets {}: needs (...,V) and (...)", logits.shape().str(),
                     targets.shape().str());
  const int64 vocabulary = logits.dim(axis), n = targets.numel();
  for (const int64 id : targets.span())
    if (id < 0 || id >= vocabulary)
      fail<DataError>("token_logp: target {} is not in 0..{}", id, vocabulary - 1);
  const Tensor rows =
      gather(log_softmax(reshape(logits, {n, vocabulary})), 1, targets.view({n, 1}));  // (n,1)
  return reshape(rows, targets.shape());
}

Tensor token_mask(const IntTensor& mask, const Shape& like, const char* where) {
  if (mask.shape() != like)
    fail<ShapeError>("{}: mask {} for values of {}", where, mask.shape().str(), like.str());
  Tensor out(like);
  real* to = out.mutable_data();
  for (int64 i = 0; i < mask.numel(); ++i) {
    if (mask[i] != 0 && mask[i] != 1) fail<DataError>("{}: mask[{}] = {}: needs 0 or 1", where, i, mask[i]);
    to[i] = static_cast<real>(mask[i]);
  }
  return out;
}

TokenReduction token_reduction(const std::string& word) {
  if (word == "sum") return TokenReduction::kSum;
  if (word == "mean") return TokenReduction::kMean;
  fail<UsageError>("reduction '{}': needs sum | mean", word);
}

Tensor row_scores(const Tensor& values, const Tensor& mask, TokenReduction reduction) {
  if (values.rank() != 2 || mask.shape() != values.shape())
    fail<ShapeError>("row_scores: values {} and mask {}: needs (S,T) twice", values.shape().str(),
                     mask.shape().str());
  const Tensor total = sum(masked(values, mask), {1});
  if (reduction == TokenReduction::kSum) return total;
  return total / maximum(sum(mask, {1}), Tensor::scalar(1));
}

Tensor standardised(const Tensor& x, double eps) {
  std::vector<double> values(x.data(), x.data() + x.numel());
  if (values.empty()) return x.detach();
  const double mean = mean_of(values), scale = deviation_of(values) + eps;
  Tensor out(x.shape());
  real* to = out.mutable_data();
  for (size_t i = 0; i < values.size(); ++i) to[i] = static_cast<real>((values[i] - mean) / scale);
  return out;
}

}  // namespace gradus
