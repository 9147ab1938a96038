// Internal: the functions of autograd/ops/elementwise.h on plain numbers, so that one generic lambda can be
// compiled for a number (inside a vectorised loop) and for a Tensor (differentiable).
#pragma once

#include <cmath>

#include "autograd/ops/elementwise.h"

namespace gradus {

inline real exp(real x) { return std::exp(x); }
inline real sin(real x) { return std::sin(x); }
inline real cos(real x) { return std::cos(x); }
inline real tanh(real x) { return std::tanh(x); }
inline real erf(real x) { return std::erf(x); }
inline real sigmoid(real x) { return 1 / (1 + std::exp(-x)); }
inline real square(real x) { return x * x; }
inline real reciprocal(real x) { return 1 / x; }
inline real sign(real x) { return static_cast<real>((x > 0) - (x < 0)); }
inline real pow(real x, real p) { return std::pow(x, p); }
/// 1/x, but 0 at 0; its derivative -1/x^2 is 0 there, too.
inline real reciprocal_or_zero(real x) { return x == 0 ? 0 : 1 / x; }
Tensor reciprocal_or_zero(const Tensor& x);
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
