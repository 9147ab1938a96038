// Normalisations. Each fused forward and backward pass is backed by the same function made of primitives.
#include "autograd/ops/batch_norm_of_ranks.h"
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
Tensor standardize(const Tensor& x, const Axes& axes, real eps) {
  const Tensor d = x - mean(x, axes, true);
  return d * rsqrt(mean(square(d), axes, true) + eps);
}
void check_gain(const char* op, const Tensor& x, const Tensor& p, int64 size) {
  if (p.defined() && !(p.shape() == Shape{size}))
    fail<ShapeError>("{}: weight or bias {} for x {}", op, p.shape().str(), x.shape().str());
}

// Gain and offset are optional inputs after x, a shortcut (batch norm) the last.
struct Norm {
  real eps;
  bool weight, bias, relu = false, shortcut = false;
  std::shared_ptr<kernels::BatchStats> stats = nullptr;  // batch norm: filled by the forward pass
};
Tensor weight_of(const Ctx& c) { return c.attr<Norm>().weight ? c[1] : Tensor(); }
Tensor shift_of(const Ctx& c) {
  const auto& a = c.attr<Norm>();
  return a.bias ? c[a.weight ? 2 : 1] : Tensor();
}
Tensor shortcut_of(const Ctx& c) { return c.attr<Norm>().shortcut ? c[c.inputs() - 1] : Tensor(); }
Grads pack(const Ctx& c, const kernels::NormGrads& d) {
  Grads grads{d.dx};
  if (c.attr<Norm>().weight) grads.push_back(d.dw);
  if (c.attr<Norm>().bias) grads.push_back(d.db);
  if (c.attr<Norm>().shortcut) grads.push_back(d.ds);
  return grads;
}
bool wants_parameters(const Ctx& c) {
  return (c.inputs() > 1 && c.needs(1)) || (c.inputs() > 2 && c.needs(2));
}
Tensor apply_norm(const Primitive& p, const Tensor& x, const Tensor& weight, const Tensor& bias, Norm attr,
                  const Tensor& shortcut = {}) {
  std::vector<Tensor> inputs{x};
  attr.weight = weight.defined();
  attr.bias = bias.defined();
  if (attr.weight) inputs.push_back(weight);
  if (attr.bias) inputs.push_back(bias);
  attr.shortcut = shortcut.defined();
  if (attr.shortcut) inputs.push_back(shortcut);
  return apply(p, inputs, Attr::of(std::move(attr)));
}

const Primitive kLayerNorm{
    .name = "layer_norm",
    .forward =
        [](const Ctx& c) {
          Tensor mean, rstd;
          const bool keep = c.recording();
          Tensor y = kernels::layer_norm(c[0], weight_of(c), shift_of(c), c.attr<Norm>().eps,
                                         keep ? &mean : nullptr, keep ? &rstd : nullptr);
          if (keep) c.keep(mean), c.keep(rstd);
          return y;
        },
    .vjp =
        [](const Ctx& c, const Tensor& g) {
          return pack(
              c, kernels::layer_norm_grad(g, c[0], weight_of(c), c.kept(0), c.kept(1), wants_parameters(c)));
        },
    .composite =
        [](const Ctx& c) {
          return affine(standardize(c[0], {-1}, c.attr<Norm>().eps), weight_of(c), shift_of(c));
        }};

const Primitive kRmsNorm{
    .name = "rms_norm",
    .forward =
        [](const Ctx& c) {
          Tensor rstd;
          Tensor y =
              kernels::rms_norm(c[0], weight_of(c), c.attr<Norm>().eps, c.recording() ? &rstd : nullptr);
          if (c.recording()) c.keep(rstd);
          return y;
        },
    .vjp =
        [](const Ctx& c, const Tensor& g) {
          return pack(c, kernels::rms_norm_grad(g, c[0], weight_of(c), c.kept(0), wants_parameters(c)));
        },
    .composite =
        [](const Ctx& c) {
          return affine(c[0] * rsqrt(mean(square(c[0]), {-1}, true) + c.attr<Norm>().eps), weight_of(c), {});
        }};

const Primitive kBatchNorm{.name = "batch_norm",
                           .forward =
                               [](const Ctx& c) {
                                 const auto& a = c.attr<Norm>();
                                 return kernels::batch_norm(c[0], weight_of(c), shift_of(c), a.eps, a.relu,
                                                            *a.stats, shortcut_of(c));
                               },
                           .vjp =
                               [](const Ctx& c, const Tensor& g) {
                                 const auto& a = c.attr<Norm>();
                                 return pack(c, kernels::batch_norm_grad(g, c[0], weight_of(c), shift_of(c),
                                                                         *a.stats, a.relu, shortcut_of(c)));
                               },
                           .composite =
                               [](const Ctx& c) {
                                 const auto& a = c.attr<Norm>();
                                 if (a.stats->ranks)
                                   fail<GraphError>(
                                       "batch norm over several ranks has first derivatives by reverse mode "
                                       "alone (--batch-norm rank has all)");
                                 const int rank = c[0].rank();
                                 Axes axes{0};
                                 for (int i = 2; i < rank; ++i) axes.push_back(i);
                                 const Tensor y =
                                     affine(standardize(c[0], axes, a.eps), per_channel(weight_of(c), rank),
                                            per_channel(shift_of(c), rank));
                                 return a.shortcut ? relu(y + shortcut_of(c)) : a.relu ? relu(y) : y;
                               }};

// y = x * gain + offset, one gain and offset a channel.
const Primitive kChannelAffine{
    .name = "channel_affine",
    .forward = [](const Ctx& c) { return kernels::channel_affine(c[0], c[1], c[2], false); },
    .vjp =
        [](const Ctx& c, const Tensor& g) {
          const int rank = c.shape(0).rank();
          Grads grads(3);
          const auto total = [&](const Tensor& t) {
            return reshape(sum_to(t, per_channel(c[1], rank).shape()), c[1].shape());
          };
          if (c.needs(0)) grads[0] = mul_or_zero(g, per_channel(c[1], rank));
          if (c.needs(1)) grads[1] = total(mul_or_zero(g, c[0]));
          if (c.needs(2)) grads[2] = total(g);
          return grads;
        },
    .jvp =
        [](const Ctx& c, int i, const Tensor& t) {
          const int rank = c.shape(0).rank();
          if (i == 0) return mul_or_zero(t, per_channel(c[1], rank));
          if (i == 1) return mul_or_zero(per_channel(t, rank), c[0]);
          return broadcast_to(per_channel(t, rank), c.shape(0));
        },
    .saves = save_input(0) | save_input(1)};

Tensor batch_norm_with(const Tensor& x, const Tensor& weight, const Tensor& bias, real eps, bool relu,
                       Tensor* batch_mean, Tensor* batch_var, const Tensor& shortcut = {},
                       Communicator* ranks = nullptr) {
  if (x.rank() < 2) fail<ShapeError>("batch_norm: x {} has no channels on axis 1", x.shape().str());
  check_gain("batch_norm", x, weight, x.dim(1));
  check_gain("batch_norm", x, bias, x.dim(1));
  const auto stats = std::make_shared<kernels::BatchStats>();
  stats->ranks = ranks;
  const Tensor y = apply_norm(kBatchNorm, x, weight, bias, {eps, true, true, relu, false, stats}, shortcut);
  if (batch_mean) *batch_mean = stats->mean;
  if (batch_var) *batch_var = stats->var;
  return y;
}

}  // namespace

Tensor layer_norm(const Tensor& x, const Tensor& weight, const Tensor& bias, real eps) {
  if (x.rank() < 1) fail<ShapeError>("layer_norm: a scalar has no last axis");
  check_gain("layer_norm", x, weight, x.dim(-1));
  check_gain("layer_norm", x, bias, x.dim(-1));
  return apply_norm(kLayerNorm, x, weight, bias, {eps, true, true});
}

Tensor rms_norm(const Tensor& x, const Tensor& weight, real eps) {
  if (x.rank() < 1) fail<ShapeError>("rms_norm: a scalar has no last axis");
  check_gain("rms_norm", x, weight, x.dim(-1));
  return apply_norm(kRmsNorm, x, weight, {}, {eps, true, false});
}

Tensor group_norm(const Tensor& x, int64 groups, const Tensor& weight, const Tensor& bias, real eps) {
  if (x.rank() < 2 || groups < 1 || x.dim(1) % groups != 0)
    fail<ShapeError>("group_norm: {} groups for x {}", groups, x.shape().str());
  check_gain("group_norm", x, weight, x.dim(1));
  check_gain("group_norm", x, bias, x.dim(1));
  const Tensor rows = reshape(x, Shape{x.dim(0), groups, x.dim(0) ? x.numel() / (x.dim(0) * groups) : 0});
  return affine(reshape(layer_norm(rows, {}, {}, eps), x.shape()), per_channel(weight, x.rank()),
                per_channel(bias, x.rank()));
}

Tensor batch_norm(const Tensor& x, const Tensor& weight, const Tensor& bias, real eps, Tensor* batch_mean,
                  Tensor* batch_var) {
  return batch_norm_with(x, weight, bias, eps, false, batch_mean, batch_var);
}

Tensor batch_norm_relu(const Tensor& x, const Tensor& weight, const Tensor& bias, real eps,
                       Tensor* batch_mean, Tensor* batch_var) {
  return batch_norm_with(x, weight, bias, eps, true, batch_mean, batch_var);
}

Tensor batch_norm_add_relu(const Tensor& x, const Tensor& weight, const Tensor& bias, const Tensor& shortcut,
                           real eps, Tensor* batch_mean, Tensor* batch_var) {
  if (!(shortcut.shape() == x.shape()))
    fail<ShapeError>("batch_norm_add_relu: shortcut {} for x {}", shortcut.shape().str(), x.shape().str());
  return batch_norm_with(x, weight, bias, eps, true, batch_mean, batch_var, shortcut);
}

Tensor batch_norm_of_ranks(Communicator& ranks, const Tensor& x, const Tensor& weight, const Tensor& bias,
                           real eps, bool with_relu, const Tensor& shortcut, Tensor* batch_mean,
                           Tensor* batch_var) {
  return batch_norm_with(x, weight, bias, eps, with_relu || shortcut.defined(), batch_mean, batch_var,
                         shortcut, &ranks);
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
  return apply(kChannelAffine, {x, gain, offset});
}

PrimitiveList norm_primitives() { return {&kLayerNorm, &kRmsNorm, &kBatchNorm, &kChannelAffine}; }

}  // namespace gradus
