#include "apps/report/seed_band.h"

#include <algorithm>
#include <cmath>
#include <set>

namespace gradus {

Spread spread_of(const std::vector<double>& values) {
  Spread s{std::nan(""), std::nan("")};
  double sum = 0, squares = 0;
  for (const double v : values)
    if (std::isfinite(v)) sum += v, ++s.count;
  if (s.count == 0) return s;
  s.mean = sum / s.count;
  for (const double v : values)
    if (std::isfinite(v)) squares += (v - s.mean) * (v - s.mean);
  s.deviation = s.count > 1 ? std::sqrt(squares / (s.count - 1)) : 0;
  return s;
}

namespace {

// NaN outside of the curve.
double value_at(const SeedCurve& c, double x) {
  const auto next = std::lower_bound(c.x.begin(), c.x.end(), x);
  if (next == c.x.end()) return std::nan("");
  const auto i = static_cast<std::size_t>(next - c.x.begin());
  if (*next == x) return c.y[i];
  if (i == 0) return std::nan("");
  const double share = (x - c.x[i - 1]) / (c.x[i] - c.x[i - 1]);
  return c.y[i - 1] + share * (c.y[i] - c.y[i - 1]);
}

}  // namespace

Series seed_band(const std::string& name, const std::vector<SeedCurve>& curves) {
  Series s{.name = name};
  std::set<double> all;
  for (const SeedCurve& c : curves) all.insert(c.x.begin(), c.x.end());
  for (const double x : all) {
    std::vector<double> there;
    for (const SeedCurve& c : curves) there.push_back(value_at(c, x));
    const Spread spread = spread_of(there);
    s.x.push_back(x);
    s.y.push_back(spread.mean);
    if (curves.size() < 2) continue;
    s.low.push_back(spread.mean - spread.deviation);
    s.high.push_back(spread.mean + spread.deviation);
  }
  return s;
}

}  // namespace gradus
