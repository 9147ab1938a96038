// Internal: the functions of autograd/ops/elementwise.h on plain numbers, so that one generic lambda can be
// compiled for a number (inside a vectorised loop) and for a Tensor (differentiable).
#pragma once

#include <cmath>

#include "autograd/ops/elementwise.h"
#include "core/kernels/vmath.h"

namespace gradus {

inline real exp(real x) { return vmath::exp(x); }
inline real log(real x) { return vmath::log(x); }
inline real sin(real x) { return std::sin(x); }
inline real cos(real x) { return std::cos(x); }
inline real tanh(real x) { return vmath::tanh(x); }
inline real erf(real x) { return vmath::erf(x); }
inline real sigmoid(real x) { return vmath::sigmoid(x); }
inline real square(real x) { return x * x; }
inline real reciprocal(real x) { return 1 / x; }
inline real sign(real x) { return x != x ? x : static_cast<real>((x > 0) - (x < 0)); }
inline real clamp(real x, real low, real high) { return x < low ? low : x > high ? high : x; }
inline real pow(real x, real p) { return std::pow(x, p); }

// Kahan's corrections: whatever rounding 1 + x or exp(x) suffered cancels in the quotient. Branch-free, so
// the loops vectorise in float.
inline real log1p(real x) {
  const real u = 1 + x, d = u - 1;
  return d == 0 || u > real(1e18) ? (d == 0 ? x : log(u)) : log(u) * (x / d);
}
inline real expm1(real x) {
  const real u = exp(x), d = u - 1, y = d * (x / log(u));
  return d == 0 ? x : x < -20 || x > 20 ? d : y;
}

/// t * slope, but 0 where t is 0: 0 x inf is 0 here, and what is not used stays without influence.
inline real mul_or_zero(real t, real slope) { return t == 0 ? t : t * slope; }
/// 1/x, but 0 at 0; its derivative -1/x^2 is 0 there, too.
inline real reciprocal_or_zero(real x) { return x == 0 ? 0 : 1 / x; }
/// condition > 0 ? a : b.
inline real if_positive(real condition, real a, real b) { return condition > 0 ? a : b; }
inline Tensor if_positive(const Tensor& condition, const Tensor& a, const Tensor& b) {
  return where(greater(condition, Tensor::scalar(0)), a, b);
}
inline Tensor if_positive(const Tensor& condition, real a, const Tensor& b) {
  return if_positive(condition, Tensor::scalar(a), b);
}
inline Tensor if_positive(const Tensor& condition, real a, real b) {
  return if_positive(condition, Tensor::scalar(a), Tensor::scalar(b));
}

}  // namespace gradus
