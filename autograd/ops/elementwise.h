// Differentiable elementwise operations, with numpy broadcasting where there are two or more inputs.
#pragma once

#include "autograd/graph.h"

namespace gradus {

Tensor add(const Tensor& a, const Tensor& b);
Tensor sub(const Tensor& a, const Tensor& b);
Tensor mul(const Tensor& a, const Tensor& b);
Tensor div(const Tensor& a, const Tensor& b);
/// t * slope, but 0 where t = 0, whatever the slope: how every rule of an elementwise primitive applies its slope.
Tensor mul_or_zero(const Tensor& t, const Tensor& slope);
/// a > 0 where b is not a constant integer; both derivatives are taken as 0 at a = b = 0.
Tensor pow(const Tensor& a, const Tensor& b);
// NaN in either gives NaN and takes the gradient (in both: a's); ties: the gradient goes to a.
Tensor minimum(const Tensor& a, const Tensor& b);
Tensor maximum(const Tensor& a, const Tensor& b);
/// condition != 0 ? a : b; condition is not differentiated.
Tensor where(const Tensor& condition, const Tensor& a, const Tensor& b);
/// mask != 0 ? x : 0; mask is not differentiated.
Tensor masked(const Tensor& x, const Tensor& mask);

// With a number: no tensor is made for it (but for s / a).
Tensor add(const Tensor& a, real s);
Tensor mul(const Tensor& a, real s);
Tensor div(const Tensor& a, real s);
Tensor pow(const Tensor& a, real exponent);  ///< exact for exponent 2 and 1/2; d/da of a^0 is 0 everywhere

inline Tensor operator+(const Tensor& a, const Tensor& b) { return add(a, b); }
inline Tensor operator-(const Tensor& a, const Tensor& b) { return sub(a, b); }
inline Tensor operator*(const Tensor& a, const Tensor& b) { return mul(a, b); }
inline Tensor operator/(const Tensor& a, const Tensor& b) { return div(a, b); }
inline Tensor operator+(const Tensor& a, real s) { return add(a, s); }
inline Tensor operator+(real s, const Tensor& a) { return add(a, s); }
inline Tensor operator-(const Tensor& a, real s) { return add(a, -s); }
inline Tensor operator*(const Tensor& a, real s) { return mul(a, s); }
inline Tensor operator*(real s, const Tensor& a) { return mul(a, s); }
inline Tensor operator/(const Tensor& a, real s) { return div(a, s); }

Tensor neg(const Tensor& x);
inline Tensor operator-(const Tensor& x) { return neg(x); }
inline Tensor operator-(real s, const Tensor& a) { return add(neg(a), s); }
Tensor reciprocal(const Tensor& x);
Tensor reciprocal_or_zero(const Tensor& x);  ///< 1/x, but 0 with derivative 0 at x = 0
inline Tensor operator/(real s, const Tensor& a) { return div(Tensor::scalar(s), a); }

Tensor exp(const Tensor& x);
Tensor log(const Tensor& x);
Tensor log1p(const Tensor& x);
Tensor expm1(const Tensor& x);
Tensor sqrt(const Tensor& x);  ///< derivative taken as 0 at x = 0, so that no NaN arises there
Tensor rsqrt(const Tensor& x);
Tensor square(const Tensor& x);
Tensor abs(const Tensor& x);   ///< derivative 0 at 0
Tensor sign(const Tensor& x);  ///< derivative 0 everywhere; NaN of NaN
Tensor sin(const Tensor& x);
Tensor cos(const Tensor& x);
Tensor erf(const Tensor& x);
Tensor tanh(const Tensor& x);
Tensor sigmoid(const Tensor& x);
Tensor softplus(const Tensor& x);
Tensor relu(const Tensor& x);  ///< derivative 0 at 0
Tensor leaky_relu(const Tensor& x, real slope = real(0.01));
Tensor elu(const Tensor& x, real alpha = 1);
Tensor silu(const Tensor& x);
Tensor gelu(const Tensor& x);                        ///< exact: x * Phi(x)
Tensor gelu_tanh(const Tensor& x);                   ///< the tanh approximation
Tensor clamp(const Tensor& x, real low, real high);  ///< derivative 1 on [low, high], 0 outside; NaN passes

// Comparison masks: 1 where true, else 0; not differentiated.
Tensor greater(const Tensor& a, const Tensor& b);
Tensor greater_equal(const Tensor& a, const Tensor& b);
Tensor less(const Tensor& a, const Tensor& b);
Tensor less_equal(const Tensor& a, const Tensor& b);
Tensor equal(const Tensor& a, const Tensor& b);

/// a += b without any recording; equal shapes.
void add_in_place(Tensor& a, const Tensor& b);

}  // namespace gradus
