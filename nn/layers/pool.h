// Pooling and resampling layers on (N,C,H,W).
#pragma once

#include "autograd/ops/conv.h"
#include "nn/module.h"

namespace gradus {

/// Largest element of each window; the stride is the kernel's size unless given.
class MaxPool2d : public Module {
 public:
  explicit MaxPool2d(int64 kernel, int64 stride = 0, int64 pad = 0);
  Tensor forward(const Input& x) override { return max_pool2d(x.values(), spec_); }
  std::string describe() const override;
  int64 flops(const Shape& input, const Shape& output) const override;

 private:
  PoolSpec spec_;
};

/// Mean of each window; padding counts as zeros.
class AvgPool2d : public Module {
 public:
  explicit AvgPool2d(int64 kernel, int64 stride = 0, int64 pad = 0);
  Tensor forward(const Input& x) override { return avg_pool2d(x.values(), spec_); }
  std::string describe() const override;
  int64 flops(const Shape& input, const Shape& output) const override;

 private:
  PoolSpec spec_;
};

/// Mean over the whole plane: (N,C,H,W) -> (N,C).
class GlobalAvgPool : public Module {
 public:
  Tensor forward(const Input& x) override;
  std::string describe() const override { return "GlobalAvgPool"; }
  int64 flops(const Shape& input, const Shape&) const override { return input.numel(); }
};

/// Each pixel becomes a factor x factor block ("nearest") or the plane is interpolated ("bilinear",
/// align_corners = false).
class Upsample : public Module {
 public:
  explicit Upsample(int64 factor, bool bilinear = false);
  Tensor forward(const Input& x) override;
  std::string describe() const override;

 private:
  int64 factor_;
  bool bilinear_;
};

}  // namespace gradus
