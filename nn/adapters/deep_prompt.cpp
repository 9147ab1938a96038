#include "nn/adapters/deep_prompt.h"

#include <algorithm>
#include <cmath>

#include "autograd/ops/elementwise.h"
#include "autograd/ops/matmul.h"
#include "autograd/ops/nn_ops.h"
#include "autograd/ops/reduce.h"
#include "autograd/ops/shape_ops.h"
#include "core/error.h"

namespace gradus {
namespace {

Tensor layer_of(const Tensor& stack, int64 l) {
  return reshape(slice(stack, 0, l, l + 1), Shape{stack.dim(1), stack.dim(2)});
}

}  // namespace

Tensor prompted_logits(const MixingNetwork& net, const Tensor& hidden, const Tensor& prompts, int64 offset,
                       std::vector<Tensor>* inputs) {
  const int64 L = net.layers(), D = net.width();
  if (hidden.rank() != 3 || hidden.dim(2) != D || !(net.V.shape() == net.U.shape()) || net.head.dim(1) != D)
    fail<ShapeError>("prompts: hidden states {} do not fit a network of width {}", hidden.shape().str(), D);
  const int64 T = hidden.dim(1);
  if (prompts.defined() && (prompts.rank() != 3 || prompts.dim(0) != L || prompts.dim(2) != D || offset < 0 ||
                            offset + prompts.dim(1) > T))
    fail<ShapeError>("prompts: {} at token {} do not fit {} layers of {} tokens of {}", prompts.shape().str(),
                     offset, L, T, D);
  Tensor h = hidden;
  for (int64 l = 0; l < L; ++l) {
    if (prompts.defined() && prompts.dim(1) > 0)
      h = h + pad(layer_of(prompts, l), {offset, 0}, {T - offset - prompts.dim(1), 0});
    if (inputs) inputs->push_back(h);
    h = tanh(linear(h, layer_of(net.U, l)) + linear(mean(h, {1}, true), layer_of(net.V, l)));
  }
  return linear(reshape(slice(h, 1, 0, 1), Shape{h.dim(0), D}), net.head);
}

Tensor prompted_loss(const MixingNetwork& net, const Tensor& hidden, const IntTensor& labels,
                     const Tensor& prompts, int64 offset) {
  return cross_entropy(prompted_logits(net, hidden, prompts, offset), labels);
}

double clipped_deviation(const Tensor& hidden, int64 clip_rounds) {
  std::vector<double> all(hidden.data(), hidden.data() + hidden.numel());
  if (all.empty()) fail<ShapeError>("prompts: the deviation of no hidden states");
  double mean = 0, deviation = 0;
  for (int64 round = 0; round <= clip_rounds; ++round) {
    if (round > 0)
      for (double& x : all) x = std::clamp(x, mean - 3 * deviation, mean + 3 * deviation);
    mean = deviation = 0;
    for (const double x : all) mean += x;
    mean /= static_cast<double>(all.size());
    for (const double x : all) deviation += (x - mean) * (x - mean);
    deviation = std::sqrt(deviation / static_cast<double>(all.size()));
  }
  return deviation;
}

double projection_deviation(double hidden_std, int64 intrinsic_dim, double alpha, double sigma) {
  if (intrinsic_dim < 1 || !(sigma > 0))
    fail<UsageError>("prompts: {} numbers and a step size of {}, but both are positive", intrinsic_dim,
                     sigma);
  return alpha * hidden_std / (std::sqrt(static_cast<double>(intrinsic_dim)) * sigma);
}

}  // namespace gradus
