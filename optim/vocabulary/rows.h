// What rules ask of one row of a matrix (a neuron: a slice along a tensor's first dimension): n > 0 numbers, on the
// calling thread.
#pragma once

#include <cmath>

#include "optim/elements.h"

namespace gradus {

inline double row_mean(const real* x, int64 n) {
  return sum_of(
             n, [](real y) { return static_cast<double>(y); }, x) /
         static_cast<double>(n);
}
inline double row_mean_square(const real* x, int64 n) {
  const auto square = [](real y) { return static_cast<double>(y) * static_cast<double>(y); };
  return sum_of(n, square, x) / static_cast<double>(n);
}
inline double row_norm(const real* x, int64 n) {
  return std::sqrt(row_mean_square(x, n) * static_cast<double>(n));
}

}  // namespace gradus
