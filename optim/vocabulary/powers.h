// Powers of numbers that are not negative, in a form that a pass over elements vectorises: in float by exp and log
// (core/kernels/vmath.h), to five digits at the ends of its range; in double by the standard library.
#pragma once

#include "core/kernels/vmath.h"
#include "core/real.h"

namespace gradus {

/// x^p for x >= 0; 0^0 = 1.
inline real power(real x, real p) {
  const real y = vmath::exp(p * vmath::log(x));
  return x > 0 ? y : static_cast<real>(p == 0);
}

/// The cube root of x >= 0.
inline real cube_root(real x) { return power(x, real(1) / 3); }

}  // namespace gradus
