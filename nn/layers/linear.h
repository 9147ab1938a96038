// Fully connected layer.
#pragma once

#include "nn/module.h"

namespace gradus {

/// y = x W' + b. x (..., in) -> (..., out); `weight` (out, in), `bias` (out). First values as torch's Linear.
class Linear : public Module {
 public:
  Linear(int64 in, int64 out, bool bias = true);

  Tensor forward(const Input& x) override;
  /// relu(y) in one pass.
  Tensor relu(const Tensor& x);
  /// gelu(y) in one pass.
  Tensor gelu(const Tensor& x);
  std::string describe() const override;
  int64 flops(const Shape& input, const Shape& output) const override;

  ParamSlot weight, bias;

 private:
  int64 in_, out_;
};

}  // namespace gradus
