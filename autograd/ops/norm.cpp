// Normalisations.
#include "autograd/ops/factories.h"
#include "autograd/ops/families.h"
#include "autograd/ops/nn_ops.h"

namespace gradus {
namespace {

// y * weight + bias, either of which may be undefined, along the axes they broadcast over.
Tensor affine(Tensor y, const Tensor& weight, const Tensor& bias) {
  if (weight.defined()) y = y * weight;
  if (bias.defined()) y = y + bias;
  return y;
}
// (C) -> (C,1,1,...) so that it lines up with axis 1 of a tensor of the given rank.
Tensor per_channel(const Tensor& v, int rank) {
  if (!v.defined()) return v;
  std::vector<int64> dims(static_cast<size_t>(std::max(rank - 1, 1)), 1);
  dims[0] = v.numel();
  return reshape(v, Shape(dims));
}
// (x - mean) / sqrt(var + eps) over the given axes, biased variance.
Tensor standardize(const Tensor& x, const Axes& axes, real eps, Tensor* mean_out = nullptr,
                   Tensor* var_out = nullptr) {
  const Tensor m = mean(x, axes, true), d = x - m, v = mean(square(d), axes, true);
  if (mean_out) *mean_out = m.detach();
  if (var_out) *var_out = v.detach();
  return d * rsqrt(v + eps);
}
void check_gain(const char* op, const Tensor& x, const Tensor& p, int64 size) {
  if (p.defined() && !(p.shape() == Shape{size}))
    fail<ShapeError>("{}: weight or bias {} for x {}", op, p.shape().str(), x.shape().str());
}

}  // namespace

Tensor layer_norm(const Tensor& x, const Tensor& weight, const Tensor& bias, real eps) {
  if (x.rank() < 1) fail<ShapeError>("layer_norm: a scalar has no last axis");
  check_gain("layer_norm", x, weight, x.dim(-1));
  check_gain("layer_norm", x, bias, x.dim(-1));
  return affine(standardize(x, {-1}, eps), weight, bias);
}

Tensor rms_norm(const Tensor& x, const Tensor& weight, real eps) {
  if (x.rank() < 1) fail<ShapeError>("rms_norm: a scalar has no last axis");
  check_gain("rms_norm", x, weight, x.dim(-1));
  return affine(x * rsqrt(mean(square(x), {-1}, true) + eps), weight, {});
}

Tensor group_norm(const Tensor& x, int64 groups, const Tensor& weight, const Tensor& bias, real eps) {
  if (x.rank() < 2 || groups < 1 || x.dim(1) % groups != 0)
    fail<ShapeError>("group_norm: {} groups for x {}", groups, x.shape().str());
  check_gain("group_norm", x, weight, x.dim(1));
  check_gain("group_norm", x, bias, x.dim(1));
  const Tensor rows = reshape(x, Shape{x.dim(0), groups, x.dim(0) ? x.numel() / (x.dim(0) * groups) : 0});
  return affine(reshape(standardize(rows, {-1}, eps), x.shape()), per_channel(weight, x.rank()),
                per_channel(bias, x.rank()));
}

Tensor batch_norm(const Tensor& x, const Tensor& weight, const Tensor& bias, real eps, Tensor* batch_mean,
                  Tensor* batch_var) {
  if (x.rank() < 2) fail<ShapeError>("batch_norm: x {} has no channels on axis 1", x.shape().str());
  check_gain("batch_norm", x, weight, x.dim(1));
  check_gain("batch_norm", x, bias, x.dim(1));
  Axes axes{0};
  for (int i = 2; i < x.rank(); ++i) axes.push_back(i);
  const Tensor y = standardize(x, axes, eps, batch_mean, batch_var);
  if (batch_mean) *batch_mean = batch_mean->view({x.dim(1)});
  if (batch_var) *batch_var = batch_var->view({x.dim(1)});
  return affine(y, per_channel(weight, x.rank()), per_channel(bias, x.rank()));
}

Tensor batch_norm_relu(const Tensor& x, const Tensor& weight, const Tensor& bias, real eps,
                       Tensor* batch_mean, Tensor* batch_var) {
  return relu(batch_norm(x, weight, bias, eps, batch_mean, batch_var));
}

Tensor batch_norm_eval(const Tensor& x, const Tensor& mean, const Tensor& var, const Tensor& weight,
                       const Tensor& bias, real eps) {
  if (x.rank() < 2) fail<ShapeError>("batch_norm: x {} has no channels on axis 1", x.shape().str());
  const int64 channels = x.dim(1);
  for (const Tensor* p : {&mean, &var, &weight, &bias}) check_gain("batch_norm", x, *p, channels);
  // Folded into one gain and one offset a channel.
  Tensor gain = rsqrt(var + eps);
  if (weight.defined()) gain = gain * weight;
  Tensor offset = neg(mean * gain);
  if (bias.defined()) offset = offset + bias;
  return x * per_channel(gain, x.rank()) + per_channel(offset, x.rank());
}

PrimitiveList norm_primitives() { return {}; }

}  // namespace gradus
