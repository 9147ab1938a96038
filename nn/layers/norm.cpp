#include "nn/layers/norm.h"

#include <algorithm>
#include <numeric>

#include "autograd/ops/batch_norm_of_ranks.h"
#include "autograd/ops/elementwise.h"
#include "autograd/ops/nn_ops.h"
#include "nn/batch_part.h"

namespace gradus {

Tensor Norm::add_relu(const Tensor& x, const Tensor& shortcut) {
  return call(x, [&] { return gradus::relu(forward(x) + shortcut); });
}

BatchNorm2d::BatchNorm2d(int64 channels, double momentum, double eps)
    : weight(parameter("weight", ParamKind::kNorm, {channels}, init::ones())),
      bias(parameter("bias", ParamKind::kNorm, {channels}, init::zeros())),
      running_mean(buffer("running_mean", Tensor::zeros({channels}))),
      running_var(buffer("running_var", Tensor::ones({channels}))),
      channels_(channels),
      momentum_(momentum),
      eps_(eps) {}

Tensor BatchNorm2d::normalise(const Tensor& x, bool with_relu, const Tensor& shortcut) {
  if (x.rank() < 2 || x.dim(1) != channels_)
    fail<ShapeError>("BatchNorm2d: {} channels, but the input is {}", channels_, x.shape().str());
  const real eps = static_cast<real>(eps_);
  const int64 pass = run().estimating;
  if (!training() && pass == 0) {
    Tensor y = batch_norm_eval(x, running_mean, running_var, weight, bias, eps);
    if (shortcut) y = y + shortcut;
    return with_relu ? gradus::relu(y) : y;
  }
  const int64 n = channels_ ? x.numel() / channels_ : 0;  // values per channel
  Communicator* const ranks = pass == 0 ? batch_part().statistics : nullptr;
  if (n < 2 && !ranks)
    fail<ShapeError>("BatchNorm2d: training needs more than one value per channel, the input is {}",
                     x.shape().str());
  Tensor mean, var;
  const Tensor y = ranks ? batch_norm_of_ranks(*ranks, x, weight, bias, eps, with_relu, shortcut, &mean, &var)
                   : shortcut  ? batch_norm_add_relu(x, weight, bias, shortcut, eps, &mean, &var)
                   : with_relu ? batch_norm_relu(x, weight, bias, eps, &mean, &var)
                               : batch_norm(x, weight, bias, eps, &mean, &var);
  if (pass > 0 || run().update_statistics) {
    const double m = pass > 0 ? 1 / static_cast<double>(pass) : momentum_;
    const int64 all = ranks ? n / x.dim(0) * batch_part().total : n;
    const double unbias = static_cast<double>(all) / static_cast<double>(std::max<int64>(all - 1, 1));
    real *running_m = running_mean.mutable_data(), *running_v = running_var.mutable_data();
    for (int64 c = 0; c < channels_; ++c) {
      running_m[c] = static_cast<real>((1 - m) * running_m[c] + m * mean.data()[c]);
      running_v[c] = static_cast<real>((1 - m) * running_v[c] + m * unbias * var.data()[c]);
    }
  }
  return y;
}

GroupNorm::GroupNorm(int64 groups, int64 channels, double eps) : groups_(groups), eps_(eps) {
  if (groups < 1 || channels % groups)
    fail<UsageError>("GroupNorm: {} groups do not divide {} channels", groups, channels);
  weight = parameter("weight", ParamKind::kNorm, {channels}, init::ones());
  bias = parameter("bias", ParamKind::kNorm, {channels}, init::zeros());
}

Tensor GroupNorm::forward(const Input& x) {
  return group_norm(x.values(), groups_, weight, bias, static_cast<real>(eps_));
}

Tensor GroupNorm::relu(const Tensor& x) {
  return call(x, [&] { return gradus::relu(forward(x)); });
}

Tensor NoNorm::relu(const Tensor& x) {
  return call(x, [&] { return gradus::relu(x); });
}

std::unique_ptr<Norm> make_norm(const std::string& kind, int64 channels) {
  if (kind == "bn") return std::make_unique<BatchNorm2d>(channels);
  if (kind == "gn") return std::make_unique<GroupNorm>(std::gcd(channels, int64{8}), channels);
  if (kind == "none") return std::make_unique<NoNorm>();
  throw UsageError(unknown_name("norm", kind, {"bn", "gn", "none"}));
}

LayerNorm::LayerNorm(int64 dim, double eps, bool with_bias) : eps_(eps) {
  weight = parameter("weight", ParamKind::kNorm, {dim}, init::ones());
  if (with_bias) bias = parameter("bias", ParamKind::kNorm, {dim}, init::zeros());
}

Tensor LayerNorm::forward(const Input& x) {
  return layer_norm(x.values(), weight, bias, static_cast<real>(eps_));
}

RMSNorm::RMSNorm(int64 dim, double eps)
    : weight(parameter("weight", ParamKind::kNorm, {dim}, init::ones())), eps_(eps) {}

Tensor RMSNorm::forward(const Input& x) { return rms_norm(x.values(), weight, static_cast<real>(eps_)); }

}  // namespace gradus
