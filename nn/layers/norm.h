// Normalisation layers.
#pragma once

#include "nn/module.h"

namespace gradus {

/// Normalises feature maps (N,C,...); what convolutional networks put behind their convolutions.
class Norm : public Module {
 public:
  /// relu(norm(x)), in one pass where there is a fused operation.
  virtual Tensor relu(const Tensor& x) = 0;
  /// relu(norm(x) + shortcut): the end of a residual block; in one pass where there is a fused operation.
  virtual Tensor add_relu(const Tensor& x, const Tensor& shortcut);
};

/// Batch normalisation. Ioffe and Szegedy, ICML 2015, arXiv 1502.03167.
///   training:   y = (x - mean_B) / sqrt(var_B + eps) * weight + bias   per channel over the batch, biased var_B
///               running_mean += momentum (mean_B - running_mean), running_var likewise with the unbiased variance
///   evaluation: the same with the running statistics.
///   estimation: by the batch, as in training; running statistics become their means over the passes since
///               EstimationScope began.
/// x (N,C) or (N,C,H,W); names, defaults and momentum as torch's BatchNorm2d. Running statistics move in
/// training mode unless RunState::update_statistics is off. Throws ShapeError if a channel has a single value
/// in training: it would be its own mean, so that the output is the bias whatever the input, and its variance
/// is undefined.
class BatchNorm2d : public Norm {
 public:
  explicit BatchNorm2d(int64 channels, double momentum = 0.1, double eps = 1e-5);

  Tensor forward(const Input& x) override { return normalise(x.values(), false, {}); }
  Tensor relu(const Tensor& x) override {
    return call(x, [&] { return normalise(x, true, {}); });
  }
  Tensor add_relu(const Tensor& x, const Tensor& shortcut) override {
    return call(x, [&] { return normalise(x, true, shortcut); });
  }
  std::string describe() const override { return fmt::format("BatchNorm2d({})", channels_); }
  int64 flops(const Shape& input, const Shape&) const override { return 2 * input.numel(); }

  ParamSlot weight, bias;
  Tensor& running_mean;
  Tensor& running_var;

 private:
  Tensor normalise(const Tensor& x, bool with_relu, const Tensor& shortcut);

  int64 channels_;
  double momentum_, eps_;
};

/// Group normalisation. Wu and He, ECCV 2018, arXiv 1803.08494. x (N,C,...): zero mean and unit variance over
/// each sample's group of channels, then weight and bias per channel.
class GroupNorm : public Norm {
 public:
  GroupNorm(int64 groups, int64 channels, double eps = 1e-5);

  Tensor forward(const Input& x) override;
  Tensor relu(const Tensor& x) override;
  std::string describe() const override {
    return fmt::format("GroupNorm({}, {})", groups_, weight.shape()[0]);
  }
  int64 flops(const Shape& input, const Shape&) const override { return 4 * input.numel(); }

  ParamSlot weight, bias;

 private:
  int64 groups_;
  double eps_;
};

/// No normalisation, for networks whose norm is an option.
class NoNorm : public Norm {
 public:
  Tensor forward(const Input& x) override { return x.values(); }
  Tensor relu(const Tensor& x) override;
  std::string describe() const override { return "NoNorm"; }
};

/// "bn": BatchNorm2d; "gn": GroupNorm of 8 groups (fewer where 8 does not divide the channels); "none".
std::unique_ptr<Norm> make_norm(const std::string& kind, int64 channels);

/// Layer normalisation over the last axis. Ba, Kiros, Hinton, 2016, arXiv 1607.06450.
class LayerNorm : public Module {
 public:
  explicit LayerNorm(int64 dim, double eps = 1e-5, bool bias = true);

  Tensor forward(const Input& x) override;
  std::string describe() const override { return fmt::format("LayerNorm({})", weight.shape()[0]); }
  int64 flops(const Shape& input, const Shape&) const override { return 5 * input.numel(); }

  ParamSlot weight, bias;

 private:
  double eps_;
};

/// y = x / sqrt(mean(x^2) + eps) * weight over the last axis. Zhang and Sennrich, NeurIPS 2019, arXiv
/// 1910.07467.
class RMSNorm : public Module {
 public:
  explicit RMSNorm(int64 dim, double eps = 1e-6);

  Tensor forward(const Input& x) override;
  std::string describe() const override { return fmt::format("RMSNorm({})", weight.shape()[0]); }
  int64 flops(const Shape& input, const Shape&) const override { return 4 * input.numel(); }

  ParamSlot weight;

 private:
  double eps_;
};

}  // namespace gradus
