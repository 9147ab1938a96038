#include "nn/adapters/lora_conv.h"

#include "autograd/ops/conv.h"
#include "autograd/ops/elementwise.h"
#include "autograd/ops/matmul.h"
#include "autograd/ops/shape_ops.h"
#include "core/error.h"

namespace gradus {
namespace {

// B*A as kernels like W0.
Tensor kernel_product(const Shape& W0, const Tensor& A, const Tensor& B) {
  if (W0.rank() != 4 || A.rank() != 4 || B.rank() != 4 || A.dim(1) != W0[1] || A.dim(2) != W0[2] ||
      A.dim(3) != W0[3] || !(B.shape() == Shape{W0[0], A.dim(0), 1, 1}))
    fail<ShapeError>("lora: factors A {} and B {} do not fit kernels {}", A.shape().str(), B.shape().str(),
                     W0.str());
  const int64 r = A.dim(0);
  return reshape(matmul(reshape(B, {W0[0], r}), reshape(A, {r, A.numel() / r})), W0);
}

}  // namespace

Tensor lora_conv_weight(const Tensor& W0, const Tensor& A, const Tensor& B, double s) {
  return W0 + kernel_product(W0.shape(), A, B) * static_cast<real>(s);
}

LoraConvAdapter::LoraConvAdapter(const Shape& kernels, const LoraOptions& options) : options_(options) {
  if (kernels.rank() != 4) fail<ShapeError>("lora: {} are no kernels of a convolution", kernels.str());
  lora_scaling(options.alpha, options.rank, options.use_rslora());
  A = parameter("lora_A", ParamKind::kWeight, {options.rank, kernels[1], kernels[2], kernels[3]},
                init::torch_weight());
  B = parameter("lora_B", ParamKind::kWeight, {kernels[0], options.rank, 1, 1}, init::zeros());
}

Tensor LoraConvAdapter::output(const Tensor& x, const Tensor& weight, const Tensor& bias,
                               const ConvSpec& spec) {
  const Tensor from_base = conv2d(x, weight, bias, spec), read = dropped(x, options_.dropout);
  const real s = static_cast<real>(options_.s());
  if (spec.groups == 1) return from_base + conv2d(conv2d(read, A, {}, spec) * s, B);
  return from_base + conv2d(read, kernel_product(weight.shape(), A, B) * s, {}, spec);
}

Tensor LoraConvAdapter::merged_weight(const Tensor& weight) {
  return lora_conv_weight(weight, A, B, options_.s());
}

int64 LoraConvAdapter::flops(const Shape&, const Shape& output) const {
  const int64 places = output.numel() / B.shape()[0];
  return 2 * places * (A.shape().numel() + B.shape().numel());
}

}  // namespace gradus
