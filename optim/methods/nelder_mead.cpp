#include "optim/methods/nelder_mead.h"

#include <algorithm>
#include <cmath>

#include "core/error.h"

namespace gradus {
namespace {

// a + t*(b - c), coordinate by coordinate.
NelderMead::Point moved(const NelderMead::Point& a, double t, const NelderMead::Point& b,
                        const NelderMead::Point& c) {
  NelderMead::Point x(a.size());
  for (size_t i = 0; i < x.size(); ++i) x[i] = a[i] + t * (b[i] - c[i]);
  return x;
}

double population_deviation(const std::vector<double>& values) {
  double mean = 0, squares = 0;
  for (const double v : values) mean += v / static_cast<double>(values.size());
  for (const double v : values) squares += (v - mean) * (v - mean);
  return std::sqrt(squares / static_cast<double>(values.size()));
}

}  // namespace

NelderMead::NelderMead(std::vector<Point> simplex, Function f, const NelderMeadOptions& options)
    : simplex_(std::move(simplex)), f_(std::move(f)), o_(options) {
  const size_t n = simplex_.empty() ? 0 : simplex_[0].size();
  if (n < 1 || simplex_.size() != n + 1)
    fail<ShapeError>("nelder-mead: a simplex of {} points of {} numbers: needs one more than numbers",
                     simplex_.size(), n);
  for (const Point& p : simplex_)
    if (p.size() != n) fail<ShapeError>("nelder-mead: points of {} and {} numbers", n, p.size());
}

double NelderMead::value(const Point& x) {
  for (const auto& [point, known] : cache_)
    if (point == x) return known;
  for (const auto& [point, known] : cache_) {
    bool near = true;
    for (size_t i = 0; near && i < x.size(); ++i) near = std::abs(point[i] - x[i]) < o_.cache_tol;
    if (near) return known;
  }
  const double v = f_(x);
  if (std::isnan(v)) fail<NumericError>("nelder-mead: the function is NaN");
  cache_.emplace_back(x, v);
  return v;
}

std::vector<double> NelderMead::values() {
  std::vector<double> all;
  for (const Point& p : simplex_) all.push_back(value(p));
  return all;
}

const NelderMead::Point& NelderMead::best() {
  const std::vector<double> all = values();
  return simplex_[static_cast<size_t>(std::min_element(all.begin(), all.end()) - all.begin())];
}

SimplexMove NelderMead::step() {
  std::vector<std::pair<double, Point>> sorted;
  for (const Point& p : simplex_) sorted.emplace_back(value(p), p);
  std::stable_sort(sorted.begin(), sorted.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  for (size_t i = 0; i < simplex_.size(); ++i) simplex_[i] = sorted[i].second;
  const size_t n = simplex_.size() - 1;
  const double f_best = sorted[0].first, f_second = sorted[n - 1].first, f_worst = sorted[n].first;
  Point& w = simplex_[n];
  Point c(n, 0);
  for (size_t k = 0; k < n; ++k)
    for (size_t i = 0; i < n; ++i) c[i] += simplex_[k][i];
  for (double& v : c) v /= static_cast<double>(n);

  const Point reflected = moved(c, o_.alpha, c, w);
  const double f_reflected = value(reflected);
  if (f_best <= f_reflected && f_reflected < f_second) {
    w = reflected;
    return SimplexMove::kReflect;
  }
  if (f_reflected < f_best) {
    const Point expanded = moved(c, o_.gamma, reflected, c);
    const bool better = value(expanded) < f_best;
    w = better ? expanded : reflected;
    return better ? SimplexMove::kExpand : SimplexMove::kReflectBeyondBest;
  }
  const Point contracted = moved(c, o_.rho, w, c);
  if (value(contracted) < f_worst) {
    w = contracted;
    return SimplexMove::kContract;
  }
  for (size_t k = 1; k <= n; ++k) simplex_[k] = moved(simplex_[0], o_.sigma, simplex_[k], simplex_[0]);
  done_ = population_deviation(values()) < o_.tol;
  return SimplexMove::kShrink;
}

std::vector<SimplexMove> NelderMead::run() {
  std::vector<SimplexMove> moves;
  while (!done_ && static_cast<int64>(moves.size()) < o_.max_iters) moves.push_back(step());
  return moves;
}

}  // namespace gradus
