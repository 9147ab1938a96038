#include "nn/weight_conditioning.h"

#include <algorithm>
#include <limits>

#include "autograd/ops/elementwise.h"
#include "autograd/ops/reduce.h"
#include "autograd/ops/shape_ops.h"
#include "core/linalg.h"
#include "nn/layers/conv.h"
#include "nn/layers/linear.h"

namespace gradus {
namespace {

Tensor as_matrix(const Tensor& weight) {
  if (weight.rank() < 2)
    fail<ShapeError>("weight conditioning: a weight has at least two axes, this shape is {}",
                     weight.shape().str());
  return reshape(weight, Shape{weight.dim(0), weight.dim(0) ? weight.numel() / weight.dim(0) : 0});
}

// 1/||.|| along the axis, 0 with derivative 0 where the norm is at most eps.
Tensor inverse_norms(const Tensor& matrix, int axis, double eps) {
  const Tensor norms = norm(matrix, {axis}, true);
  return reciprocal_or_zero(masked(norms, greater(norms.detach(), Tensor::scalar(static_cast<real>(eps)))));
}

bool rows_first(const ConditioningOptions& o) { return o.mode != "column"; }
bool columns_last(const ConditioningOptions& o) { return o.mode != "row"; }

Tensor scaled(const Tensor& matrix, double gain) {
  return gain == 1 ? matrix : matrix * static_cast<real>(gain);
}

}  // namespace

Tensor conditioned_weight(const Tensor& weight, const ConditioningOptions& o) {
  if (o.detach) return conditioned_by(weight, conditioning_factors(weight, o), o.gain);
  Tensor matrix = as_matrix(weight);
  if (rows_first(o)) matrix = matrix * inverse_norms(matrix, 1, o.eps);
  if (columns_last(o)) matrix = matrix * inverse_norms(matrix, 0, o.eps);
  return reshape(scaled(matrix, o.gain), weight.shape());
}

ConditioningFactors conditioning_factors(const Tensor& weight, const ConditioningOptions& o) {
  Tensor matrix = as_matrix(weight.detach());
  ConditioningFactors factors;
  if (rows_first(o)) {
    factors.row = inverse_norms(matrix, 1, o.eps);
    matrix = matrix * factors.row;
  }
  if (columns_last(o)) factors.column = inverse_norms(matrix, 0, o.eps);
  return factors;
}

Tensor conditioned_by(const Tensor& weight, const ConditioningFactors& factors, double gain) {
  Tensor matrix = as_matrix(weight);
  if (factors.row.defined()) matrix = matrix * factors.row;
  if (factors.column.defined()) matrix = matrix * factors.column;
  return reshape(scaled(matrix, gain), weight.shape());
}

std::optional<double> condition_number(const Tensor& weight) {
  const Tensor matrix = as_matrix(weight.detach());
  if (matrix.numel() == 0) return std::nullopt;
  const Tensor s = linalg::svd(matrix).s;  // descending
  const double largest = static_cast<double>(s.data()[0]),
               least = static_cast<double>(s.data()[s.numel() - 1]);
  const double rounding = static_cast<double>(std::numeric_limits<real>::epsilon()) *
                          static_cast<double>(std::max(matrix.dim(0), matrix.dim(1)));
  if (!(least > rounding * largest)) return std::nullopt;
  return largest / least;
}

std::vector<std::string> condition_layers(Module& module, const ConditioningOptions& o, bool dead_too) {
  std::vector<std::string> left_plain;
  int64 conditioned = 0;
  module.visit([&](Module& layer, const std::string& path) {
    ParamSlot weight;
    if (const auto* linear = dynamic_cast<Linear*>(&layer)) weight = linear->weight;
    if (const auto* conv = dynamic_cast<Conv2d*>(&layer)) weight = conv->weight;
    if (!weight || (weight.parameter()->kind == ParamKind::kHead && !o.condition_head)) return;
    const ConditioningFactors factors = conditioning_factors(weight.parameter()->value, o);
    for (const Tensor& f : {factors.row, factors.column})
      if (!dead_too && f.defined() && std::count(f.span().begin(), f.span().end(), real(0))) {
        left_plain.push_back(path);
        return;
      }
    ++conditioned;
    if (o.fixed)
      weight.set_map([factors, gain = o.gain](const Tensor& w) { return conditioned_by(w, factors, gain); });
    else
      weight.set_map([o](const Tensor& w) { return conditioned_weight(w, o); });
  });
  if (conditioned == 0)
    fail<UsageError>("weight conditioning: the model has no linear or convolutional layer to condition{}",
                     o.condition_head ? "" : " beside its head");
  return left_plain;
}

}  // namespace gradus
