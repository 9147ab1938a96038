#include "optim/methods/batch_lr.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/error.h"
#include "core/statistics.h"

namespace gradus {

double corrected_batch_size(int64 batch_size, int64 samples) {
  if (batch_size < 1 || batch_size > samples)
    fail<UsageError>("batch size {} of {} examples: needs 1 to {}", batch_size, samples, samples);
  if (batch_size == samples) return std::numeric_limits<double>::infinity();
  const double b = static_cast<double>(batch_size);
  return b / (1 - b / static_cast<double>(samples));
}

HessianEdges batch_hessian_edges(double top, double bottom, double s) {
  HessianEdges e{top, bottom, 0};
  if (s > 0) {
    e.top = top > s ? top + s * s / top : 2 * s;
    e.bottom = bottom < -s ? bottom + s * s / bottom : -2 * s;
  }
  e.max_lr = 2 / e.top;
  return e;
}

double multiplicative_spike(double eigenvalue, double q) {
  const double root = std::sqrt(q);
  return eigenvalue > 1 + root ? eigenvalue * (1 + q / (eigenvalue - 1)) : (1 + root) * (1 + root);
}

double lr_of_batch_size(const BatchLrOptions& o, double batch_size) {
  const double power = o.rule == "linear" ? 1 : o.rule == "sqrt" ? 0.5 : 0;
  const double lr = o.lr * std::pow(batch_size / static_cast<double>(o.base_batch_size), power);
  return o.top_eigenvalue > 0 ? std::min(lr, 2 / o.top_eigenvalue) : lr;
}

EdgeFit fit_edge(std::span<const double> b, std::span<const double> top) {
  if (b.size() != top.size() || b.empty())
    fail<UsageError>("fit of the edge: {} batch sizes and {} eigenvalues", b.size(), top.size());
  std::vector<double> x;
  for (const double size : b) x.push_back(1 / size);
  const double mean_x = mean_of(x), mean_y = mean_of(top);
  double xx = 0, xy = 0;
  for (size_t i = 0; i < x.size(); ++i) {
    xx += (x[i] - mean_x) * (x[i] - mean_x);
    xy += (x[i] - mean_x) * (top[i] - mean_y);
  }
  if (xx == 0) fail<UsageError>("fit of the edge: needs two different batch sizes");
  const double slope = xy / xx, a = mean_y - slope * mean_x;
  EdgeFit fit{a, a * slope, {}, 0};
  for (size_t i = 0; i < x.size(); ++i) {
    fit.fitted.push_back(a + slope * x[i]);
    fit.relative_error = std::max(fit.relative_error, std::abs(fit.fitted.back() / top[i] - 1));
  }
  return fit;
}

}  // namespace gradus
