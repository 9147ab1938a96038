#include "nn/adapters/lora.h"

#include <cmath>

#include "autograd/ops/elementwise.h"
#include "autograd/ops/matmul.h"
#include "autograd/ops/nn_ops.h"
#include "autograd/ops/reduce.h"
#include "autograd/ops/shape_ops.h"
#include "nn/batch_part.h"

namespace gradus {
namespace {

void check_factors(const Tensor& W0, const Tensor& A, const Tensor& B) {
  if (W0.rank() != 2 || A.rank() != 2 || B.rank() != 2 || A.dim(1) != W0.dim(1) || B.dim(0) != W0.dim(0) ||
      A.dim(0) != B.dim(1))
    fail<ShapeError>("lora: factors A {} and B {} do not fit a weight {}", A.shape().str(), B.shape().str(),
                     W0.shape().str());
}

}  // namespace

double lora_scaling(double alpha, int64 r, bool use_rslora) {
  if (r < 1) fail<UsageError>("lora: the rank is {}, but at least 1", r);
  const double rank = static_cast<double>(r);
  return use_rslora ? alpha / std::sqrt(rank) : alpha / rank;
}

Tensor lora_linear(const Tensor& x, const Tensor& W0, const Tensor& bias, const Tensor& A, const Tensor& B,
                   double s) {
  check_factors(W0, A, B);
  return linear(x, W0, bias) + linear(linear(x, A) * static_cast<real>(s), B);
}

Tensor lora_weight(const Tensor& W0, const Tensor& A, const Tensor& B, double s) {
  check_factors(W0, A, B);
  return W0 + matmul(B, A) * static_cast<real>(s);
}

Tensor dora_weight(const Tensor& W0, const Tensor& A, const Tensor& B, const Tensor& magnitude, double s,
                   bool detach_norm) {
  const Tensor V = lora_weight(W0, A, B, s);
  if (!(magnitude.shape() == Shape{W0.dim(0)}))
    fail<ShapeError>("dora: magnitudes {} do not fit a weight {}", magnitude.shape().str(), W0.shape().str());
  const Tensor nu = row_norms(detach_norm ? V.detach() : V);
  return reshape(magnitude * reciprocal_or_zero(nu), Shape{W0.dim(0), 1}) * V;
}

Tensor row_norms(const Tensor& W) { return norm(W, {1}); }

LoraAdapter::LoraAdapter(int64 in, int64 out, const LoraOptions& options) : options_(options) {
  lora_scaling(options.alpha, options.rank, options.use_rslora());
  A = parameter("lora_A", ParamKind::kWeight, {options.rank, in}, init::torch_weight());
  B = parameter("lora_B", ParamKind::kWeight, {out, options.rank}, init::zeros());
}

Tensor LoraAdapter::dropped(const Tensor& x) {
  return training() && options_.dropout > 0 ? dropout_of_batch(x, options_.dropout, run()) : x;
}

Tensor LoraAdapter::output(const Tensor& x, const Tensor& weight, const Tensor& bias) {
  return linear(x, weight, bias) + linear(linear(dropped(x), A) * static_cast<real>(options_.s()), B);
}

Tensor LoraAdapter::merged_weight(const Tensor& weight) { return lora_weight(weight, A, B, options_.s()); }

std::string LoraAdapter::describe() const {
  return fmt::format("LoRA(rank={}, alpha={:g}{})", options_.rank, options_.alpha,
                     options_.use_rslora() ? ", rslora" : "");
}

int64 LoraAdapter::flops(const Shape& input, const Shape& output) const {
  return 2 * options_.rank * (input.numel() + output.numel());
}

DoraAdapter::DoraAdapter(int64 in, int64 out, const DoraOptions& options)
    : LoraAdapter(in, out, options), detach_norm_(options.detach_norm) {
  magnitude = parameter("lora_magnitude_vector", ParamKind::kNorm, {out}, init::ones());
}

void DoraAdapter::starts_from(const Tensor& weight) {
  Tensor value = magnitude.parameter()->value.detach();
  value.copy_from(row_norms(weight.detach()));
}

Tensor DoraAdapter::output(const Tensor& x, const Tensor& weight, const Tensor& bias) {
  // The base sees x as it is; dropout is of what the product reads, as released.
  const Tensor V = lora_weight(weight, A, B, options().s());
  const Tensor nu = row_norms(detach_norm_ ? V.detach() : V);
  const Tensor lengths = magnitude.value() * reciprocal_or_zero(nu);
  const Tensor from_base = linear(x, weight),
               from_product = linear(linear(dropped(x), A) * static_cast<real>(options().s()), B);
  const Tensor y = (from_base + from_product) * lengths;
  return bias.defined() ? y + bias : y;
}

Tensor DoraAdapter::merged_weight(const Tensor& weight) {
  return dora_weight(weight, A, B, magnitude, options().s(), detach_norm_);
}

std::string DoraAdapter::describe() const { return "DoRA, " + LoraAdapter::describe(); }

}  // namespace gradus
