#include "optim/problems/linear_pool.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "core/error.h"

namespace gradus {
namespace {

double product_of(std::span<const double> a, std::span<const double> b) {
  return std::inner_product(a.begin(), a.end(), b.begin(), 0.0);
}

}  // namespace

LinearPool::LinearPool(std::vector<double> x, std::vector<double> y, Loss loss)
    : x_(std::move(x)), y_(std::move(y)), loss_(loss) {
  if (y_.empty()) throw UsageError("linear pool: no examples");
  if (x_.size() % y_.size() != 0)
    fail<ShapeError>("linear pool: {} numbers for {} examples", x_.size(), y_.size());
}

LinearPool::Example LinearPool::at(std::span<const double> theta, size_t i) const {
  const size_t d = x_.size() / y_.size();
  if (theta.size() != d)
    fail<ShapeError>("linear pool: theta of {} for examples of {} numbers", theta.size(), d);
  const std::span<const double> x = std::span(x_).subspan(i * d, d);
  const double u = product_of(x, theta), y = y_[i];
  if (loss_ == Loss::kSquared) return {x, (u - y) * (u - y) / 2, u - y, 1};
  const double margin = y * u;
  // log(1 + e^-m) without overflow; s = 1/(1 + e^m).
  const double s = margin > 0 ? std::exp(-margin) / (1 + std::exp(-margin)) : 1 / (1 + std::exp(margin));
  return {x, std::max(-margin, 0.0) + std::log1p(std::exp(-std::abs(margin))), -y * s, y * y * s * (1 - s)};
}

template <class Use>
void LinearPool::each(std::span<const double> theta, std::span<const int64> index, const Use& use) const {
  const size_t n = index.empty() ? y_.size() : index.size();
  for (size_t k = 0; k < n; ++k)
    use(at(theta, index.empty() ? k : static_cast<size_t>(index[k])), 1 / static_cast<double>(n));
}

double LinearPool::loss(std::span<const double> theta, std::span<const int64> index) const {
  double sum = 0;
  each(theta, index, [&](const Example& e, double share) { sum += share * e.loss; });
  return sum;
}

std::vector<double> LinearPool::gradient(std::span<const double> theta, std::span<const int64> index) const {
  std::vector<double> g(theta.size(), 0.0);
  each(theta, index, [&](const Example& e, double share) {
    for (size_t j = 0; j < g.size(); ++j) g[j] += share * e.slope * e.x[j];
  });
  return g;
}

double LinearPool::mean_square_gradient(std::span<const double> theta) const {
  double sum = 0;
  each(theta, {},
       [&](const Example& e, double share) { sum += share * e.slope * e.slope * product_of(e.x, e.x); });
  return sum;
}

std::vector<double> LinearPool::trace_gradient(std::span<const double> theta) const {
  const std::vector<double> g = gradient(theta, {});
  std::vector<double> trace(theta.size(), 0.0);
  each(theta, {}, [&](const Example& e, double share) {
    const double factor = e.curvature * (e.slope * product_of(e.x, e.x) - product_of(e.x, g));
    for (size_t j = 0; j < trace.size(); ++j) trace[j] += 2 * share * factor * e.x[j];
  });
  return trace;
}

}  // namespace gradus
