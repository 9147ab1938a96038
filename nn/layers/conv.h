// Convolution layers.
#pragma once

#include "autograd/ops/conv.h"
#include "nn/layers/layer_adapter.h"

namespace gradus {

struct ConvOptions {
  int64 stride = 1, pad = 0, dilation = 1, groups = 1;
  bool bias = true;
};

/// x (N, in, H, W) -> (N, out, H', W'); `weight` (out, in/groups, k, k), `bias` (out). First values as
/// torch's Conv2d. Depthwise: groups = in.
class Conv2d : public WeightLayer {
 public:
  Conv2d(int64 in, int64 out, int64 kernel, const ConvOptions& options = {});

  Tensor forward(const Input& x) override;
  /// relu(y) in one pass.
  virtual Tensor relu(const Tensor& x);
  std::string describe() const override;
  int64 flops(const Shape& input, const Shape& output) const override;

  /// From now on the layer computes through the adapter. Throws UsageError if it has one.
  ConvAdapter& attach_adapter(std::unique_ptr<ConvAdapter> adapter);

 protected:
  int64 in_, out_, kernel_;
  ConvOptions options_;
  ConvSpec spec_;

 private:
  ConvAdapter* conv_adapter_ = nullptr;
};

/// Conv2d whose kernels are standardised before use: (w - mean) / sqrt(var + eps), mean and (biased) variance
/// of each output channel's kernel. Qiao et al., "Micro-Batch Training with Batch-Channel Normalization and
/// Weight Standardization", 2019, arXiv 1903.10520, eq. 10-11; eps = 1e-5.
class WeightStandardConv2d : public Conv2d {
 public:
  using Conv2d::Conv2d;
  Tensor forward(const Input& x) override;
  Tensor relu(const Tensor& x) override;
  std::string describe() const override { return "WeightStandard" + Conv2d::describe(); }
  bool plain_weight() const override { return false; }

 private:
  Tensor standardised() const;
};

/// The adjoint of Conv2d: x (N, in, H, W) -> (N, out, (H-1)*stride - 2*pad + k + output_pad, ...); `weight`
/// (in, out/groups, k, k), `bias` (out). First values as torch's ConvTranspose2d.
class ConvTranspose2d : public Module {
 public:
  ConvTranspose2d(int64 in, int64 out, int64 kernel, const ConvOptions& options = {}, int64 output_pad = 0);

  Tensor forward(const Input& x) override;
  std::string describe() const override;
  int64 flops(const Shape& input, const Shape& output) const override;

  ParamSlot weight, bias;

 private:
  int64 in_, out_, kernel_, output_pad_;
  ConvOptions options_;
  ConvSpec spec_;
};

}  // namespace gradus
