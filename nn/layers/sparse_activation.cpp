#include "nn/layers/sparse_activation.h"

#include "autograd/ops/elementwise.h"
#include "autograd/ops/nn_ops.h"
#include "autograd/ops/reduce.h"
#include "autograd/ops/shape_ops.h"
#include "core/error.h"

namespace gradus {
namespace {

// clamp with derivative 0 at the ends as well.
Tensor open_clip(const Tensor& x, real low, real high) {
  const Tensor value = x.detach();
  const Tensor inside = greater(value, Tensor::scalar(low)) * less(value, Tensor::scalar(high));
  return where(inside, x, clamp(value, low, high));
}

// x - mu - z_k*sd of each row.
Tensor above_threshold(const Tensor& x, double z_k) {
  const Tensor value = x.detach();
  // A row of equal numbers has no deviation, whatever rounding makes of its mean.
  const Tensor spread = max(value, {1}, true) - min(value, {1}, true);
  const Tensor sd = sqrt(masked(var(x, {1}, true, 0), spread));
  return x - mean(x, {1}, true) - sd * static_cast<real>(z_k);
}

Tensor kth_largest(const Tensor& x, int64 k) {
  if (k > x.dim(1)) fail<UsageError>("sparse activation: top_k = {} of {} units", k, x.dim(1));
  return slice(topk(x, k, 1).first, 1, k - 1, k);
}

// 1 at the first largest of each of `groups` runs of a row.
Tensor winners(const Tensor& x, int64 groups) {
  const int64 h = x.dim(1);
  if (h % groups != 0) fail<UsageError>("sparse activation: {} units do not make {} equal groups", h, groups);
  const int64 each = h / groups;
  const IntTensor best = argmax(x.detach().view({x.dim(0) * groups, each}), 1);
  Tensor mask = Tensor::zeros(x.shape());
  for (int64 g = 0; g < best.numel(); ++g) mask.mutable_data()[g * each + best[g]] = 1;
  return mask;
}

}  // namespace

Tensor sparse_activation(const Tensor& x, const SparseActivationOptions& o) {
  if (x.rank() != 2)
    fail<ShapeError>("sparse activation: units of shape {}, expected (B,h)", x.shape().str());
  const real alpha = static_cast<real>(o.alpha);
  if (o.kind == "hard_ash")
    return open_clip(x, 0, 2) * (open_clip(above_threshold(x, o.z_k) * alpha + real(3), 0, 6) / real(6));
  if (o.kind == "ash") return x * sigmoid(above_threshold(x, o.z_k) * alpha);
  if (o.kind == "topk_subtract") return open_clip(x - kth_largest(x, o.top_k), 0, 2);
  if (o.kind == "topk_mask") return masked(x, greater_equal(x.detach(), kth_largest(x.detach(), o.top_k)));
  if (o.kind == "lwta") return masked(x, winners(x, o.groups));
  if (o.kind == "elephant")
    return reciprocal(pow(abs(x) / static_cast<real>(o.elephant_a), static_cast<real>(o.elephant_d)) +
                      real(1));
  return relu(x);
}

Tensor standardised_rows(const Tensor& weight) {
  if (weight.rank() != 2) fail<ShapeError>("standardised rows: a weight of shape {}", weight.shape().str());
  const Tensor value = weight.detach();
  const Tensor spread = max(value, {1}) - min(value, {1});
  for (int64 k = 0; k < spread.numel(); ++k)
    if (spread.data()[k] == 0) fail<NumericError>("standardised rows: all numbers of row {} are equal", k);
  const Tensor centred = weight - mean(weight, {1}, true);
  return centred / norm(centred, {1}, true);
}

}  // namespace gradus
