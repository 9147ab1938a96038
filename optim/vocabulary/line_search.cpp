#include "optim/vocabulary/line_search.h"

#include <algorithm>
#include <cmath>

namespace gradus {
namespace {

/// One search: counts evaluations and knows the conditions.
class WolfeSearch {
 public:
  WolfeSearch(const std::function<LinePoint(double)>& phi, const LinePoint& start,
              const WolfeOptions& options)
      : phi_(phi), start_(start), options_(options) {}

  LineSearchResult run(double first) {
    LinePoint before = start_;
    double a = first;
    while (more()) {
      const LinePoint p = evaluate(a);
      if (!low_enough(p) || p.value >= before.value) return zoom(before, p);
      if (flat(p)) return {p, count_, true};
      if (p.slope >= 0) return zoom(p, before);
      a = cubic_minimizer(before, p, p.a + 0.01 * (p.a - before.a), 10 * p.a);
      before = p;
    }
    return {before, count_, false};
  }

 private:
  bool more() const { return count_ < options_.evaluations; }
  LinePoint evaluate(double a) {
    ++count_;
    return phi_(a);
  }
  bool low_enough(const LinePoint& p) const {
    return p.value <= start_.value + options_.decrease * p.a * start_.slope;  // false for NaN
  }
  bool flat(const LinePoint& p) const { return std::abs(p.slope) <= -options_.curvature * start_.slope; }

  // low: the best point of sufficient decrease so far; between it and high lies one that meets both conditions.
  LineSearchResult zoom(LinePoint low, LinePoint high) {
    while (more()) {
      const double left = std::min(low.a, high.a), right = std::max(low.a, high.a), width = right - left;
      if (!(width > options_.width)) break;
      // A tenth of the bracket from its ends, so that it shrinks.
      const LinePoint p = evaluate(cubic_minimizer(low, high, left + 0.1 * width, right - 0.1 * width));
      if (!low_enough(p) || p.value >= low.value) {
        high = p;
        continue;
      }
      if (flat(p)) return {p, count_, true};
      if (p.slope * (high.a - low.a) >= 0) high = low;
      low = p;
    }
    return {low, count_, false};
  }

  const std::function<LinePoint(double)>& phi_;
  const LinePoint start_;
  const WolfeOptions options_;
  int64 count_ = 0;
};

}  // namespace

double cubic_minimizer(const LinePoint& p, const LinePoint& q, double low, double high) {
  const double d1 = p.slope + q.slope - 3 * (p.value - q.value) / (p.a - q.a);
  const double square = d1 * d1 - p.slope * q.slope;
  if (!(square >= 0)) return 0.5 * (low + high);
  const double d2 = std::copysign(std::sqrt(square), q.a - p.a);
  const double a = q.a - (q.a - p.a) * ((q.slope + d2 - d1) / (q.slope - p.slope + 2 * d2));
  return std::isfinite(a) ? std::clamp(a, low, high) : 0.5 * (low + high);
}

LineSearchResult strong_wolfe(const std::function<LinePoint(double a)>& phi, const LinePoint& start,
                              double first, const WolfeOptions& options) {
  return WolfeSearch(phi, start, options).run(first);
}

}  // namespace gradus
