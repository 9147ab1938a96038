// Fully connected layer.
#pragma once

#include "nn/layers/layer_adapter.h"

namespace gradus {

/// y = x W' + b. x (..., in) -> (..., out); `weight` (out, in), `bias` (out). First values as torch's Linear.
class Linear : public WeightLayer {
 public:
  Linear(int64 in, int64 out, bool bias = true);

  Tensor forward(const Input& x) override;
  /// relu(y) in one pass.
  Tensor relu(const Tensor& x);
  /// gelu(y) in one pass.
  Tensor gelu(const Tensor& x);
  std::string describe() const override;
  int64 flops(const Shape& input, const Shape& output) const override;

  int64 in() const { return in_; }
  int64 out() const { return out_; }
  /// From now on the layer computes through the adapter. Throws UsageError if it has one.
  LinearAdapter& attach_adapter(std::unique_ptr<LinearAdapter> adapter);

 private:
  int64 in_, out_;
  LinearAdapter* linear_adapter_ = nullptr;
};

}  // namespace gradus
