#include "autograd/grad_check.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "autograd/grad.h"
#include "core/rng.h"

namespace gradus {
namespace {

double difference_at(const std::function<Tensor()>& loss, Tensor& value, int64 i, double step) {
  const real at = value.data()[i];
  const auto loss_at = [&](double p) {
    value.mutable_data()[i] = static_cast<real>(p);
    return static_cast<double>(loss().item());
  };
  const double h = step * std::max(1.0, std::abs(static_cast<double>(at)));
  const auto low = static_cast<real>(static_cast<double>(at) - h),
             high = static_cast<real>(static_cast<double>(at) + h);
  const double slope =
      (loss_at(high) - loss_at(low)) / (static_cast<double>(high) - static_cast<double>(low));
  value.mutable_data()[i] = at;
  return slope;
}

}  // namespace

GradCheck grad_check(const std::function<Tensor()>& loss, const Parameters& parameters,
                     const GradCheckOptions& options) {
  std::vector<Tensor> values;
  std::vector<std::string> names;
  for (const ParameterPtr& p : parameters)
    if (!p->frozen) values.push_back(p->value), names.push_back(p->name);
  const Tensor y = loss();
  if (y.numel() != 1) fail<ShapeError>("grad_check: the loss has shape {}, not one element", y.shape().str());
  if (!node_of(y)) fail<GraphError>("grad_check: the loss depends on no parameter");
  const std::vector<Tensor> gradients = grad(y, values, {.allow_unused = true});

  double largest = 0;
  for (const Tensor& g : gradients)
    if (g.defined())
      for (real v : g.span()) largest = std::max(largest, std::abs(static_cast<double>(v)));
  const Recording off(false);
  GradCheck result;
  for (size_t k = 0; k < values.size(); ++k) {
    const int64 n = values[k].numel();
    std::vector<int64> order = Rng(options.seed).fork(k).permutation(n);
    if (options.elements > 0 && options.elements < n) order.resize(static_cast<size_t>(options.elements));
    GradCheckEntry worst{.parameter = names[k], .shape = values[k].shape(), .error = -1};
    for (int64 i : order) {
      const double g = gradients[k].defined() ? static_cast<double>(gradients[k].data()[i]) : 0.0;
      const double d = difference_at(loss, values[k], i, options.step);
      const double scale = std::max({std::abs(g), std::abs(d), 1e-3 * largest, 1e-300});
      const double error = std::isfinite(g) && std::isfinite(d) ? std::abs(g - d) / scale : INFINITY;
      if (error > worst.error)
        worst.element = i, worst.gradient = g, worst.difference = d, worst.error = error;
    }
    worst.error = std::max(worst.error, 0.0);
    result.entries.push_back(worst);
  }
  std::stable_sort(result.entries.begin(), result.entries.end(),
                   [](const auto& a, const auto& b) { return a.error > b.error; });
  return result;
}

}  // namespace gradus
