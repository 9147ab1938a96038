// A curve over seeds: what several runs of the same thing have in common, and how far they spread.
#pragma once

#include <string>
#include <vector>

#include "apps/report/plot.h"

namespace gradus {

/// Mean and standard deviation (of a sample, n - 1; 0 for one value) of the finite ones.
struct Spread {
  double mean, deviation;  ///< NaN where there is nothing
  int count = 0;
};
Spread spread_of(const std::vector<double>& values);

struct SeedCurve {
  std::vector<double> x, y;  ///< x increasing
};

/// At every x that any of the curves has: the mean over the curves there, with a band of one deviation to either side where
/// there are two or more. A curve counts from its first x to its last, between its points along the straight line; where a
/// value of it is not finite it does not count.
Series seed_band(const std::string& name, const std::vector<SeedCurve>& curves);

}  // namespace gradus
