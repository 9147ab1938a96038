// Step sizes along a line: the strong Wolfe conditions.
// Source: Nocedal, Wright, "Numerical Optimization", 2nd edition, 2006, algorithms 3.5 (bracketing) and 3.6 (zoom), and
//         equation 3.59 (cubic interpolation).
//   phi(a) = f(x + a*d),  phi'(0) < 0
//   phi(a) <= phi(0) + decrease*a*phi'(0)          sufficient decrease
//   |phi'(a)| <= curvature*|phi'(0)|               curvature
#pragma once

#include <functional>

#include "core/real.h"

namespace gradus {

/// phi and its derivative at a. A value that is not finite means: too far.
struct LinePoint {
  double a, value, slope;
};

struct WolfeOptions {
  double decrease = 1e-4, curvature = 0.9;  ///< 0 < decrease < curvature < 1
  int64 evaluations = 25;                   ///< at most
  double width = 0;                         ///< a bracket narrower than this is not searched further
};

struct LineSearchResult {
  LinePoint point;         ///< a = 0, the start, if no point tried lies low enough
  int64 evaluations = 0;   ///< of phi
  bool converged = false;  ///< both conditions hold
};

/// Searches from `first` > 0. `start` is phi at 0, with a slope < 0. Where the evaluations run out, the best point
/// of sufficient decrease is returned.
LineSearchResult strong_wolfe(const std::function<LinePoint(double a)>& phi, const LinePoint& start,
                              double first, const WolfeOptions& options = {});

/// The minimiser, between low and high, of the cubic through values and slopes at p and q; the middle where it has none
/// or an argument is not finite.
double cubic_minimizer(const LinePoint& p, const LinePoint& q, double low, double high);

}  // namespace gradus
