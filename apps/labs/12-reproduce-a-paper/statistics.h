// From figures over seeds to a verdict.
#pragma once

#include <cmath>
#include <string>
#include <vector>

#include "lab.h"

// The value that a t-distributed number with `freedom` degrees of freedom stays below with probability 0.95 (given).
inline double t_95(size_t freedom) {
  static const double table[] = {6.314, 2.920, 2.353, 2.132, 2.015, 1.943, 1.895, 1.860, 1.833, 1.812,
                                 1.796, 1.782, 1.771, 1.761, 1.753, 1.746, 1.740, 1.734, 1.729, 1.725};
  return freedom == 0 ? INFINITY : freedom <= 20 ? table[freedom - 1] : 1.645 + 1.6 / double(freedom);
}

// ---- Part 1

inline double mean(const std::vector<double>& x) {
  // BEGIN SOLUTION 1.1
  double sum = 0;
  for (const double v : x) sum += v;
  return sum / double(x.size());
  // END SOLUTION
}

// Of a sample: n - 1 below the sum of squares; 0 for one number alone.
inline double standard_deviation(const std::vector<double>& x) {
  // BEGIN SOLUTION 1.2
  if (x.size() < 2) return 0;
  const double m = mean(x);
  double squares = 0;
  for (const double v : x) squares += (v - m) * (v - m);
  return std::sqrt(squares / double(x.size() - 1));
  // END SOLUTION
}

// a - b, seed by seed. The two have run on the same seeds, in the same order.
inline std::vector<double> differences(const std::vector<double>& a, const std::vector<double>& b) {
  // BEGIN SOLUTION 1.3
  std::vector<double> d;
  for (size_t i = 0; i < a.size(); ++i) d.push_back(a[i] - b[i]);
  return d;
  // END SOLUTION
}

// One-sided 95 % bounds of the mean that x was drawn around: mean -+ t_95(n - 1) s / sqrt(n).
struct Bounds {
  double low, high;
};
inline Bounds bounds(const std::vector<double>& x) {
  // BEGIN SOLUTION 1.4
  const double half = t_95(x.size() - 1) * standard_deviation(x) / std::sqrt(double(x.size()));
  return {mean(x) - half, mean(x) + half};
  // END SOLUTION
}

// Of the claim "a's loss is lower than b's by more than `margin`":
//   "shown"         the gain b - a is above the margin, by its lower bound
//   "not shown"     it is below the margin, by its upper bound
//   "within noise"  neither
inline std::string verdict(const std::vector<double>& a, const std::vector<double>& b, double margin) {
  // BEGIN SOLUTION 1.5
  const Bounds gain = bounds(differences(b, a));
  return gain.low > margin ? "shown" : gain.high < margin ? "not shown" : "within noise";
  // END SOLUTION
}
