// How much the step size matters: what loss each optimizer leaves on a small network at each step size of one grid; recorded for
// the book.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "apps/book/rates.h"

namespace gradus {

struct RateCurve {
  std::vector<double>
      loss;         ///< for each of path_rates(), one for a method without lr; infinite where it diverged
  std::string why;  ///< why there is none
};
using RateCurves = std::map<std::string, RateCurve>;  ///< by optimizer

inline constexpr int kCurveSteps = 150, kCurveLast = 20, kCurveSeeds = 3;

/// mlp with 32 hidden units on the built-in digits, batches of 64, no schedule: the mean training loss of the last kCurveLast of
/// kCurveSteps steps, over kCurveSeeds seeds. A wrapper without anything inside goes around sgd. What one seed diverges at, has
/// diverged.
RateCurve rate_curve(const std::string& optimizer);

std::string rate_curves_text(const RateCurves& curves);
/// Throws DataError, opened by `source`.
RateCurves rate_curves_from_text(const std::string& text, const std::string& source);

}  // namespace gradus
