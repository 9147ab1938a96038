#include "optim/methods/width_scaling.h"

#include <cmath>

#include "core/linalg.h"
#include "optim/elements.h"

namespace gradus {

WidthFactors width_factors(const WidthRule& rule, double k) {
  if (rule.rule == "standard") return {};
  const double p = rule.rule == "sqrt" ? 0.5 : rule.rule == "linear" ? 1 : 0;
  return {.matrix_lr = 1 / k,
          .matrix_weight_decay = std::pow(k, p),
          .matrix_eps = rule.scale_eps ? 1 / k : 1,
          .output = 1 / k};
}

WidthValues width_values(const WidthTuned& tuned, const WidthRule& rule, double width) {
  const WidthFactors f = width_factors(rule, width / static_cast<double>(rule.base_width));
  WidthValues v{.matrix_lr = tuned.lr * f.matrix_lr,
                .matrix_weight_decay = tuned.weight_decay * f.matrix_weight_decay,
                .matrix_eps = tuned.eps * f.matrix_eps,
                .vector_lr = tuned.lr,
                .vector_weight_decay = 0,
                .output_multiplier = f.output,
                .top_singular_prediction = 0};
  v.top_singular_prediction = std::sqrt(v.matrix_lr / v.matrix_weight_decay) * std::pow(width, 0.75);
  return v;
}

double random_walk_rms(double lr, double weight_decay, double rms_0, int64 steps) {
  const double a = (1 - lr * weight_decay) * (1 - lr * weight_decay), t = static_cast<double>(steps);
  const double left = std::pow(a, t);
  return std::sqrt(left * rms_0 * rms_0 + lr * lr * (a == 1 ? t : (1 - left) / (1 - a)));
}

double random_walk_limit(double lr, double weight_decay) {
  return std::sqrt(lr / (weight_decay * (2 - lr * weight_decay)));
}

TopSingular top_singular(const Tensor& w, const Tensor& start, int iterations) {
  if (w.rank() != 2 || start.rank() != 1 || w.dim(1) != start.dim(0))
    fail<ShapeError>("top singular value: a matrix {} and a start {} do not fit", w.shape().str(),
                     start.shape().str());
  const int64 d = w.dim(1);
  const auto times = [&](const Tensor& v) { return linalg::matmul(w, v.view({d, 1})); };  // (o,1)
  Tensor v = start.clone();
  // No tolerance: the count decides.
  linalg::power_iteration([&](const Tensor& x) { return linalg::matmul(w, times(x), true).view({d}); }, v,
                          iterations, -1);
  return {norm(times(v)), v};
}

double layer_gain(const Tensor& w, const Tensor& x) {
  const Tensor y = linalg::matmul(x, w, false, true);
  const auto rms = [](const Tensor& t) { return norm(t) / std::sqrt(static_cast<double>(t.numel())); };
  return rms(y) / rms(x);
}

}  // namespace gradus
