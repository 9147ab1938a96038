// LoRA beside a convolution, whose kernels are seen as one matrix.
//
// Paper: Hu, Shen, Wallis, et al., "LoRA: Low-Rank Adaptation of Large Language Models", ICLR 2022, arXiv 2106.09685; for
//        convolutions in the form of the authors' code (microsoft/LoRA) and of huggingface/peft.
//   W (O, C/groups, k, k) as (O, n), n = C/groups*k*k:  W = W0 + s*B*A,  A (r,n) at random, B (O,r) = 0,  s as in lora.h
//   y = conv(x; W0) + bias + s*conv1x1(conv(drop(x); A); B),  A as r kernels (r, C/groups, k, k), B as (O, r, 1, 1)
// With groups the product itself is made: y = conv(x; W0) + bias + s*conv(drop(x); B*A).
#pragma once

#include "nn/adapters/lora.h"

namespace gradus {

/// W0 + s*B*A for kernels W0 (O,C,k,k), A (r,C,k,k), B (O,r,1,1). Throws ShapeError for what does not fit.
Tensor lora_conv_weight(const Tensor& W0, const Tensor& A, const Tensor& B, double s);

/// Parameters lora_A (r, C/groups, k, k), uniform as torch's Conv2d, and lora_B (O, r, 1, 1), zeros.
class LoraConvAdapter : public ConvAdapter {
 public:
  /// For a layer of such kernels (O, C/groups, k, k).
  LoraConvAdapter(const Shape& kernels, const LoraOptions& options);
  Tensor output(const Tensor& x, const Tensor& weight, const Tensor& bias, const ConvSpec& spec) override;
  Tensor merged_weight(const Tensor& weight) override;
  std::string describe() const override { return options_.describe(); }
  int64 flops(const Shape& input, const Shape& output) const override;
  const LoraOptions& options() const { return options_; }

  ParamSlot A, B;

 private:
  LoraOptions options_;
};

}  // namespace gradus
