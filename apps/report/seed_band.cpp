#include "apps/report/seed_band.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "core/statistics.h"

namespace gradus {

Spread spread_of(const std::vector<double>& values) {
  std::vector<double> finite;
  for (const double v : values)
    if (std::isfinite(v)) finite.push_back(v);
  if (finite.empty()) return {std::nan(""), std::nan("")};
  return {mean_of(finite), deviation_of(finite), static_cast<int>(finite.size())};
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
