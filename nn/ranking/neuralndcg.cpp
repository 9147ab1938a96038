#include "nn/ranking/neuralndcg.h"

#include "autograd/ops/elementwise.h"
#include "autograd/ops/matmul.h"
#include "autograd/ops/reduce.h"
#include "autograd/ops/shape_ops.h"
#include "core/error.h"
#include "nn/ranking/ndcg.h"
#include "nn/ranking/neural_sort.h"

namespace gradus {
namespace {

constexpr real kSmall = real(1e-10);

// s + |min s|, the minimum over the whole batch. Where it is negative, the lowest item's sum is 0 whatever its score; it is
// written as that constant, for in float the two halves of its gradient, each 1e10 behind the logarithm, would not cancel.
Tensor moved_above_zero(const Tensor& scores) {
  const Tensor least = min(scores), moved = scores + abs(least);
  if (!(least.item() < 0)) return moved;
  Tensor lowest = Tensor::ones(scores.shape());
  int64 at = 0;
  while (scores.data()[at] != least.item()) ++at;
  lowest.mutable_data()[at] = 0;
  return masked(moved, lowest);
}

// (samples*B, n)
Tensor perturbed(const Tensor& scores, const NeuralNdcgOptions& options, const Tensor& uniform) {
  const int64 b = scores.dim(0), n = scores.dim(1);
  if (!uniform.defined() || uniform.rank() != 3 || uniform.dim(1) != b || uniform.dim(2) != n)
    fail<ShapeError>("neuralndcg: uniform {} must be (samples,B,n) for scores {}",
                     uniform.defined() ? uniform.shape().str() : "is not given and", scores.shape().str());
  Tensor s = moved_above_zero(scores);
  if (options.log_scores) s = log(s + kSmall);
  const Tensor gumbel = -log(-log(stop_gradient(uniform) + kSmall) + kSmall);
  return reshape(s + static_cast<real>(options.beta) * gumbel, {uniform.dim(0) * b, n});
}

// 1/(IDCG + small) of each list, times -1/(lists that count); 0 for lists without a relevant item. (B,1,1)
Tensor list_weights(const Tensor& ideal, int64 samples) {
  Tensor weights = Tensor::zeros({ideal.numel(), 1, 1});
  int64 count = 0;
  for (int64 i = 0; i < ideal.numel(); ++i) count += ideal.data()[i] > 0;
  for (int64 i = 0; i < ideal.numel(); ++i)
    if (ideal.data()[i] > 0)
      weights.mutable_data()[i] = -1 / ((ideal.data()[i] + kSmall) * static_cast<real>(count * samples));
  return weights;
}

}  // namespace

Tensor neuralndcg(const Tensor& scores, const IntTensor& labels, const NeuralNdcgOptions& options,
                  const Tensor& uniform) {
  const ListMask mask = ListMask::of_labels(labels);
  mask.check_scores(scores, "neuralndcg");
  if (!options.stochastic && uniform.defined())
    fail<UsageError>("neuralndcg: uniform is for the stochastic form");
  const int64 b = mask.lists(), n = mask.items();
  const Tensor s = options.stochastic ? perturbed(scores, options, uniform) : scores;
  const int64 samples = options.stochastic ? uniform.dim(0) : 1;
  const ListMask all = samples == 1 ? mask : mask.repeated(samples);

  const Tensor P =
      sinkhorn(neural_sort(s, all, options.temperature), all, options).matrix;  // (samples*B,n,n)
  const Tensor by_list = reshape(P, {samples, b, n, n});
  const Tensor g = reshape(relevance_gains(labels, options.powered_relevancies), {b, n, 1});
  const Tensor d = reshape(rank_discounts(n, options.k), {n, 1});
  const Tensor terms = options.transposed ? g * matmul(by_list, broadcast_to(d, {b, n, 1}), true)
                                          : d * matmul(by_list, g);  // (samples,B,n,1)
  const Tensor ideal = ideal_dcg(labels, options.k, options.powered_relevancies);
  return sum(terms * list_weights(ideal, samples));
}

}  // namespace gradus
