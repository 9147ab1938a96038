// Powers of numbers that are not negative, in a form that a pass over elements vectorises: in float by exp and log
// (core/kernels/vmath.h), to five digits at the ends of its range; in double by the standard library.
#pragma once

#include <cmath>

#include "core/kernels/vmath.h"
#include "core/real.h"

namespace gradus {

/// x^p for x >= 0; 0^0 = 1.
inline real power(real x, real p) {
  const real y = vmath::exp(p * vmath::log(x));
  return x > 0 ? y : static_cast<real>(p == 0);
}

/// body(f) with f(x) = x^p for x >= 0, a root where p is 1/2 and x itself where it is 1. The choice is made here, once: one
/// inside of a loop over elements would keep it from becoming vector code.
template <class Body>
void with_power(double p, const Body& body) {
  if (p == 0.5)
    body([](real x) { return std::sqrt(x); });
  else if (p == 1)
    body([](real x) { return x; });
  else
    body([exponent = static_cast<real>(p)](real x) { return power(x, exponent); });
}

/// The cube root of x >= 0.
inline real cube_root(real x) { return power(x, real(1) / 3); }

}  // namespace gradus
