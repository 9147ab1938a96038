// When two figures of the contract count as equal, and how near each kind of comparison came to its tolerance.
#pragma once

#include <doctest/doctest.h>

#include <array>
#include <cmath>
#include <cstdlib>
#include <string>

#include "tests/autograd/contract.h"
#include "tests/precision.h"

namespace contract {

using gradus::tests::kDouble;

// What is compared, with the tolerance relative to the size of the terms.
enum What { kForward, kPaths, kPairing, kJvp, kVjp, kModes, kSecond };
struct Compared {
  const char* name;
  double tolerance;
};
inline constexpr Compared kCompared[] = {{"forward and naive loops", kDouble ? 1e-11 : 3e-5},
                                         {"fast path and composite", kDouble ? 1e-10 : 2e-4},
                                         {"<u, J v> and <J' u, v>", kDouble ? 1e-12 : 1e-4},
                                         {"jvp and central differences", 1e-6},
                                         {"vjp and central differences", 1e-6},
                                         {"second order, four mode combinations", kDouble ? 1e-9 : 1e-3},
                                         {"second order and central differences", 1e-6}};

// The largest deviation of each kind since the last report, and whose it is.
struct Largest {
  double value = 0;
  std::string primitive;
};
inline std::array<Largest, std::size(kCompared)> largest;

// Whether |a - b| is within the tolerance, relative to `size`. NaN never is.
inline bool agree(What what, const std::string& primitive, double a, double b, double size) {
  const double off = a == b ? 0 : std::abs(a - b) / size;
  if (!(off <= largest[what].value)) largest[what] = {off, primitive};
  return off <= kCompared[what].tolerance;
}
inline void report(const char* family) {
  for (size_t i = 0; i < std::size(kCompared); ++i)
    if (std::getenv("GRADUS_TEST_DEVIATIONS") && !largest[i].primitive.empty())
      MESSAGE(std::string(family) << " | " << std::string(kCompared[i].name) << " | " << largest[i].value
                                  << " of " << kCompared[i].tolerance << " | " << largest[i].primitive);
  largest = {};
}

inline double dot(const Tensor& a, const Tensor& b) {
  double s = 0;
  for (int64 i = 0; i < a.numel(); ++i) s += double(a.data()[i]) * double(b.data()[i]);
  return s;
}
inline double dot(const Tensors& a, const Tensors& b) {
  double s = 0;
  for (size_t k = 0; k < a.size(); ++k) s += dot(a[k], b[k]);
  return s;
}
// The size of the terms of a dot product: what its rounding error is relative to.
inline double scale(const Tensor& a, const Tensor& b) {
  double s = 1;
  for (int64 i = 0; i < a.numel(); ++i) s += std::abs(double(a.data()[i]) * double(b.data()[i]));
  return s;
}
inline double scale(const Tensors& a, const Tensors& b) {
  double s = 1;
  for (size_t k = 0; k < a.size(); ++k) s += scale(a[k], b[k]);
  return s;
}

}  // namespace contract
