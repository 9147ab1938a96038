// The range test of step sizes: L. N. Smith, "Cyclical Learning Rates for Training Neural Networks", WACV 2017, arXiv 1506.01186,
// section 3.3. The step size grows by the same factor every step, from `low` to `high`; where the loss falls fastest is a good
// one, and soon behind the least loss training diverges.
//   s_t = b s_{t-1} + (1 - b) l_t,   smoothed loss s_t / (1 - b^t),   b = 0.9
// Departures: the paper's rate grows linearly, and is read off by eye from the accuracy; here it grows geometrically, so that one
// test covers all magnitudes, and what is suggested is where the smoothed loss falls most steeply over log(lr).
#pragma once

#include <functional>
#include <optional>
#include <vector>

namespace gradus {

class Trainer;

struct LrPoint {
  double lr, loss, smoothed;
};

struct LrCurve {
  std::vector<LrPoint> points;
  std::optional<double> suggestion;  ///< nothing where the loss never falls
  std::optional<double> least;       ///< where the smoothed loss is least
  std::optional<double> diverged;    ///< where it had grown to four times the least, or was no number
  bool stopped = false;
};

/// What the points say: suggestion and least. Points before the fall has begun and behind the least loss suggest nothing.
void read_curve(LrCurve& curve);

/// Trains `steps` steps; ends where the loss diverges or `stop` says so. The weights are of no use afterwards. Throws UsageError
/// unless 0 < low < high and steps >= 2.
LrCurve lr_range_test(Trainer& trainer, double low, double high, long steps,
                      const std::function<bool()>& stop,
                      const std::function<void(const LrPoint&)>& each = nullptr);

}  // namespace gradus
