// Gradients without a backward pass: from values alone, or from derivatives along random directions.
#pragma once

#include <cmath>
#include <functional>
#include <vector>

#include "lab.h"

using Vector = std::vector<double>;
using Function = std::function<double(const Vector&)>;
// The derivative of a function at x along v (forward mode, lab 8).
using Jvp = std::function<double(const Vector& x, const Vector& v)>;

inline double dot(const Vector& a, const Vector& b) {
  double s = 0;
  for (size_t i = 0; i < a.size(); ++i) s += a[i] * b[i];
  return s;
}
inline Vector add(Vector a, double c, const Vector& b) {  // a + c b
  for (size_t i = 0; i < a.size(); ++i) a[i] += c * b[i];
  return a;
}

// ---- Part 1

// Forward gradient. Baydin et al., 2022, arXiv 2202.08587: the mean of (J v) v over the directions v.
inline Vector forward_gradient(const Jvp& jvp, const Vector& x, const std::vector<Vector>& directions) {
  // BEGIN SOLUTION 1.1
  Vector g(x.size(), 0);
  for (const Vector& v : directions) g = add(g, jvp(x, v) / double(directions.size()), v);
  return g;
  // END SOLUTION
}

// By two values a direction (Spall, 1992, with Gaussian directions: Nesterov and Spokoiny, 2017): the mean of
//   (f(x + h v) - f(x - h v)) / (2h) v
inline Vector two_point_gradient(const Function& f, const Vector& x, const std::vector<Vector>& directions,
                                 double h) {
  // BEGIN SOLUTION 1.2
  return forward_gradient(
      [&](const Vector& at, const Vector& v) { return (f(add(at, h, v)) - f(add(at, -h, v))) / (2 * h); }, x,
      directions);
  // END SOLUTION
}

// Weights for an evolution strategy (Salimans et al., 2017): ranks of the values, from -0.5 for the smallest to 0.5 for the largest,
// evenly spaced; of equal ones the earlier gets the smaller rank. One value alone: 0.
inline Vector centred_ranks(const Vector& values) {
  // BEGIN SOLUTION 1.3
  const size_t n = values.size();
  Vector ranks(n, 0);
  if (n < 2) return ranks;
  for (size_t i = 0; i < n; ++i) {
    size_t below = 0;
    for (size_t j = 0; j < n; ++j) below += values[j] < values[i] || (values[j] == values[i] && j < i);
    ranks[i] = double(below) / double(n - 1) - 0.5;
  }
  return ranks;
  // END SOLUTION
}

// E ||estimate||^2 of a forward gradient of one direction with independent entries of mean 0, variance 1 and fourth moment m4:
//   E (g'v)^2 ||v||^2 = ||g||^2 (n + m4 - 1)            n = number of entries: by n too large, that is the price
inline double expected_square(const Vector& g, double fourth_moment) {
  // BEGIN SOLUTION 1.4
  return dot(g, g) * (double(g.size()) + fourth_moment - 1);
  // END SOLUTION
}

// `steps` steps x <- x - lr (forward gradient of one direction); direction t is draw().
inline Vector forward_descend(const Jvp& jvp, Vector x, double lr, int steps,
                              const std::function<Vector()>& draw) {
  // BEGIN SOLUTION 1.5
  for (int t = 0; t < steps; ++t) x = add(x, -lr, forward_gradient(jvp, x, {draw()}));
  return x;
  // END SOLUTION
}
