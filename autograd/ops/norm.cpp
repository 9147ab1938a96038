// Normalisations: composites of primitives, and fused passes for the usual case that weight and bias are given.
#include "autograd/ops/factories.h"
#include "autograd/ops/families.h"
#include "autograd/ops/nn_ops.h"
#include "core/kernels/batch_norm.h"
#include "core/kernels/row_norm.h"

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
Tensor layer_norm_composite(const Tensor& x, const Tensor& weight, const Tensor& bias, real eps) {
  return affine(standardize(x, {-1}, eps), weight, bias);
}
Tensor rms_norm_composite(const Tensor& x, const Tensor& weight, real eps) {
  return affine(x * rsqrt(mean(square(x), {-1}, true) + eps), weight, {});
}
Tensor batch_norm_composite(const Tensor& x, const Tensor& weight, const Tensor& bias, real eps,
                            Tensor* batch_mean, Tensor* batch_var) {
  Axes axes{0};
  for (int i = 2; i < x.rank(); ++i) axes.push_back(i);
  const Tensor y = standardize(x, axes, eps, batch_mean, batch_var);
  if (batch_mean) *batch_mean = batch_mean->view({x.dim(1)});
  if (batch_var) *batch_var = batch_var->view({x.dim(1)});
  return affine(y, per_channel(weight, x.rank()), per_channel(bias, x.rank()));
}

const Primitive kLayerNorm{
    .name = "layer_norm",
    .forward =
        [](const Ctx& c) {
          Tensor mean, rstd;
          Tensor y = kernels::layer_norm(c[0], c[1], c[2], c.attr<real>(), &mean, &rstd);
          c.keep(std::move(mean));
          c.keep(std::move(rstd));
          return y;
        },
    .vjp =
        [](const Ctx& c, const Tensor& g) {
          auto d = kernels::layer_norm_grad(g, c[0], c[1], c.kept(0), c.kept(1), c.needs(1) || c.needs(2));
          return Grads{d.dx, d.dw, d.db};
        },
    .composite = [](const Ctx& c) { return layer_norm_composite(c[0], c[1], c[2], c.attr<real>()); }};

const Primitive kRmsNorm{
    .name = "rms_norm",
    .forward =
        [](const Ctx& c) {
          Tensor rstd;
          Tensor y = kernels::rms_norm(c[0], c[1], c.attr<real>(), &rstd);
          c.keep(std::move(rstd));
          return y;
        },
    .vjp =
        [](const Ctx& c, const Tensor& g) {
          auto d = kernels::rms_norm_grad(g, c[0], c[1], c.kept(0), c.needs(1));
          return Grads{d.dx, d.dw};
        },
    .composite = [](const Ctx& c) { return rms_norm_composite(c[0], c[1], c.attr<real>()); }};

struct BatchNorm {
  real eps;
  bool relu;
  std::shared_ptr<kernels::BatchStats> stats;  // handed to the caller by forward
};
const Primitive kBatchNorm{
    .name = "batch_norm",
    .forward =
        [](const Ctx& c) {
          const auto& a = c.attr<BatchNorm>();
          Tensor y = kernels::batch_norm(c[0], c[1], c[2], a.eps, a.relu, *a.stats);
          c.keep(a.stats->mean);
          c.keep(a.stats->var);
          c.keep(a.stats->rstd);
          return y;
        },
    .vjp =
        [](const Ctx& c, const Tensor& g) {
          auto d = kernels::batch_norm_grad(g, c[0], c[1], c[2], {c.kept(0), c.kept(1), c.kept(2)},
                                            c.attr<BatchNorm>().relu);
          return Grads{d.dx, d.dw, d.db};
        },
    .composite =
        [](const Ctx& c) {
          const auto& a = c.attr<BatchNorm>();
          const Tensor y = batch_norm_composite(c[0], c[1], c[2], a.eps, nullptr, nullptr);
          return a.relu ? relu(y) : y;
        }};

void check_gain(const char* op, const Tensor& x, const Tensor& p, int64 size) {
  if (p.defined() && !(p.shape() == Shape{size}))
    fail<ShapeError>("{}: weight or bias {} for x {}", op, p.shape().str(), x.shape().str());
}

}  // namespace

Tensor layer_norm(const Tensor& x, const Tensor& weight, const Tensor& bias, real eps) {
  if (x.rank() < 1) fail<ShapeError>("layer_norm: a scalar has no last axis");
  check_gain("layer_norm", x, weight, x.dim(-1));
  check_gain("layer_norm", x, bias, x.dim(-1));
  if (weight.defined() && bias.defined()) return apply(kLayerNorm, {x, weight, bias}, Attr::of(eps));
  return layer_norm_composite(x, weight, bias, eps);
}

Tensor rms_norm(const Tensor& x, const Tensor& weight, real eps) {
  if (x.rank() < 1) fail<ShapeError>("rms_norm: a scalar has no last axis");
  check_gain("rms_norm", x, weight, x.dim(-1));
  if (weight.defined()) return apply(kRmsNorm, {x, weight}, Attr::of(eps));
  return rms_norm_composite(x, weight, eps);
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

namespace {
Tensor batch_norm_of(const Tensor& x, const Tensor& weight, const Tensor& bias, real eps, bool with_relu,
                     Tensor* batch_mean, Tensor* batch_var) {
  if (x.rank() < 2) fail<ShapeError>("batch_norm: x {} has no channels on axis 1", x.shape().str());
  check_gain("batch_norm", x, weight, x.dim(1));
  check_gain("batch_norm", x, bias, x.dim(1));
  if (weight.defined() && bias.defined()) {
    auto stats = std::make_shared<kernels::BatchStats>();
    const Tensor y = apply(kBatchNorm, {x, weight, bias}, Attr::of(BatchNorm{eps, with_relu, stats}));
    if (batch_mean) *batch_mean = stats->mean;
    if (batch_var) *batch_var = stats->var;
    return y;
  }
  const Tensor y = batch_norm_composite(x, weight, bias, eps, batch_mean, batch_var);
  return with_relu ? relu(y) : y;
}
}  // namespace

Tensor batch_norm(const Tensor& x, const Tensor& weight, const Tensor& bias, real eps, Tensor* batch_mean,
                  Tensor* batch_var) {
  return batch_norm_of(x, weight, bias, eps, false, batch_mean, batch_var);
}

Tensor batch_norm_relu(const Tensor& x, const Tensor& weight, const Tensor& bias, real eps,
                       Tensor* batch_mean, Tensor* batch_var) {
  return batch_norm_of(x, weight, bias, eps, true, batch_mean, batch_var);
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

PrimitiveList norm_primitives() { return {&kLayerNorm, &kRmsNorm, &kBatchNorm}; }

}  // namespace gradus
