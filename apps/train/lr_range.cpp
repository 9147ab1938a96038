#include "apps/train/lr_range.h"

#include <algorithm>
#include <cmath>

#include "apps/train/trainer.h"
#include "core/error.h"

namespace gradus {

namespace {
constexpr double kSmoothing = 0.9, kDiverged = 4;
}  // namespace

void read_curve(LrCurve& curve) {
  const std::vector<LrPoint>& p = curve.points;
  if (p.size() < 3) return;
  const auto least = static_cast<size_t>(
      std::min_element(p.begin(), p.end(),
                       [](const LrPoint& a, const LrPoint& b) { return a.smoothed < b.smoothed; }) -
      p.begin());
  curve.least = p[least].lr;
  double steepest = 0;
  // Slopes over a few points each: of neighbours they are mostly noise.
  const size_t reach = std::max<size_t>(1, p.size() / 20);
  for (size_t i = reach; i + reach <= least; ++i) {
    const double slope =
        (p[i + reach].smoothed - p[i - reach].smoothed) / std::log(p[i + reach].lr / p[i - reach].lr);
    if (slope < steepest) steepest = slope, curve.suggestion = p[i].lr;
  }
}

LrCurve lr_range_test(Trainer& trainer, double low, double high, long steps,
                      const std::function<bool()>& stop, const std::function<void(const LrPoint&)>& each) {
  if (!(low > 0) || !(high > low) || steps < 2)
    fail<UsageError>("step sizes from {} to {} in {} steps: needs 0 < from < to and at least two steps", low,
                     high, steps);
  LrCurve curve;
  trainer.begin();
  const double base = trainer.lr(1);
  if (!(base > 0)) fail<UsageError>("the optimizer's step size is {}: there is nothing to vary", base);
  double sum = 0, weight = 1, best = INFINITY;
  for (long i = 0; i < steps; ++i) {
    if (stop && stop()) {
      curve.stopped = true;
      break;
    }
    const double lr = low * std::pow(high / low, static_cast<double>(i) / static_cast<double>(steps - 1));
    double loss = 0;
    try {
      loss = trainer.step_at(lr / base);
    } catch (const NumericError&) {
      curve.diverged = lr;
      break;
    }
    sum = kSmoothing * sum + (1 - kSmoothing) * loss;
    weight *= kSmoothing;
    const LrPoint point{lr, loss, sum / (1 - weight)};
    curve.points.push_back(point);
    if (each) each(point);
    best = std::min(best, point.smoothed);
    if (i > 0 && point.smoothed > kDiverged * best) {
      curve.diverged = lr;
      break;
    }
  }
  read_curve(curve);
  return curve;
}

}  // namespace gradus
