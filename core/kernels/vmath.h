// Elementary functions for loops: branch-free single precision, so that a plain loop over them becomes vector
// code (the library's -fno-math-errno -fno-trapping-math suffice; nothing here needs or tolerates
// -ffast-math). In double each forwards to the standard library.
//
// NaN gives NaN; infinities give the limits. Largest errors in float, against double, found by the test:
//   exp     1.5 ulp; subnormal results are produced, 0 below -104, inf above 88.72
//   log     1.5 ulp; subnormal arguments included; log(0) = -inf, NaN below 0
//   tanh    2.5 ulp
//   sigmoid 3 ulp where x > -87; below, where the true value is under 2e-38, the result may be 0
//   erf     2.5 ulp
//   gelu    2e-7 absolute, times max(1, |x|)
//
// Method: exp and log reduce the argument to one octave (Cody and Waite 1980) and evaluate a near-minimax
// polynomial there; tanh and erf use an odd polynomial near 0 and exp beyond.
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>

namespace gradus::vmath {

namespace detail {

inline float from_bits(std::uint32_t bits) { return std::bit_cast<float>(bits); }
inline std::uint32_t to_bits(float x) { return std::bit_cast<std::uint32_t>(x); }
/// y with the sign of x, y >= 0.
inline float with_sign_of(float y, float x) { return from_bits(to_bits(y) | (to_bits(x) & 0x80000000u)); }

// 1.5 * 2^23: adding it rounds to an integer, which then stands in the low bits of the sum.
inline constexpr float kRound = 12582912.0f;
// log 2 in two parts, the first short enough that its product with an exponent is exact.
inline constexpr float kLn2High = 0.693359375f, kLn2Low = -2.12194440e-4f;

/// 2^n for -126 <= n <= 127.
inline float exp2_integer(std::int32_t n) { return from_bits(static_cast<std::uint32_t>(n + 127) << 23); }

}  // namespace detail

inline float exp(float x) {
  using namespace detail;
  float t = x > 89.0f ? 89.0f : x;  // NaN stays NaN: both comparisons are false
  t = t < -105.0f ? -105.0f : t;
  const float shifted = t * 1.44269504f + kRound;
  const float n = shifted - kRound;
  const float r = (t - n * kLn2High) - n * kLn2Low;  // |r| <= log(2)/2
  float q = 1.39263914e-3f;
  q = q * r + 8.36334557e-3f;
  q = q * r + 4.16665532e-2f;
  q = q * r + 1.66665763e-1f;
  q = q * r + 0.5f;
  const float p = q * (r * r) + r + 1.0f;
  // 2^n in two factors, each a normal number, so that subnormal results and overflow come out right.
  const auto whole = static_cast<std::int32_t>(to_bits(shifted) - to_bits(kRound));
  const std::int32_t half = whole >> 1;
  return p * exp2_integer(half) * exp2_integer(whole - half);
}

inline float log(float x) {
  using namespace detail;
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  const bool subnormal = x < std::numeric_limits<float>::min();
  const float scaled = subnormal ? x * 8388608.0f : x;
  // scaled = 2^e * m with m in [sqrt(1/2), sqrt(2)).
  const std::uint32_t bits = to_bits(scaled) - 0x3f3504f3u;
  const auto e = static_cast<float>(static_cast<std::int32_t>(bits) >> 23) - (subnormal ? 23.0f : 0.0f);
  const float f = from_bits((bits & 0x007fffffu) + 0x3f3504f3u) - 1.0f;
  float q = 6.97615147e-2f;
  q = q * f - 1.14871317e-1f;
  q = q * f + 1.16872445e-1f;
  q = q * f - 1.24248654e-1f;
  q = q * f + 1.42488047e-1f;
  q = q * f - 1.66678265e-1f;
  q = q * f + 2.00007230e-1f;
  q = q * f - 2.49999970e-1f;
  q = q * f + 3.33333313e-1f;
  const float square = f * f;
  float y = q * f * square + e * kLn2Low - 0.5f * square + f;
  y = y + e * kLn2High;
  y = x == kInfinity ? x : y;
  y = x == 0.0f ? -kInfinity : y;
  return x < 0.0f || x != x ? std::numeric_limits<float>::quiet_NaN() : y;
}

inline float tanh(float x) {
  using namespace detail;
  const float a = std::fabs(x), z = a * a;
  float q = 2.37076569e-3f;
  q = q * z - 8.41007102e-3f;
  q = q * z + 2.17883214e-2f;
  q = q * z - 5.39615527e-2f;
  q = q * z + 1.33333132e-1f;
  q = q * z - 3.33333343e-1f;
  const float near = a + a * (z * q);
  const float far = 1.0f - 2.0f / (exp(2.0f * a) + 1.0f);
  return with_sign_of(a < 0.6f ? near : far, x);
}

inline float sigmoid(float x) { return 1.0f / (1.0f + exp(-x)); }

inline float erf(float x) {
  using namespace detail;
  const float a = std::fabs(x), z = a * a;
  float q = 7.87587537e-5f;
  q = q * z - 8.01686430e-4f;
  q = q * z + 5.18908742e-3f;
  q = q * z - 2.68542119e-2f;
  q = q * z + 1.12835947e-1f;
  q = q * z - 3.76126267e-1f;
  q = q * z + 1.28379166e-1f;  // and 1, added exactly
  const float near = a + a * q;
  // log(erfc(a)) on [1, 4]; beyond, erf is 1 in single precision.
  const float t = a > 4.0f ? 4.0f : a;
  float p = 1.63715148e-6f;
  p = p * t - 4.60580427e-5f;
  p = p * t + 5.96805627e-4f;
  p = p * t - 4.75959629e-3f;
  p = p * t + 2.64211360e-2f;
  p = p * t - 1.10080083e-1f;
  p = p * t - 6.31826052e-1f;
  p = p * t - 1.13023344f;
  p = p * t + 3.20138050e-4f;
  const float far = 1.0f - exp(p);
  return with_sign_of(a < 1.0f ? near : far, x);
}

inline double exp(double x) { return std::exp(x); }
inline double log(double x) { return std::log(x); }
inline double tanh(double x) { return std::tanh(x); }
inline double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }
inline double erf(double x) { return std::erf(x); }

/// x * Phi(x), Phi the distribution function of the standard normal law (Hendrycks and Gimpel 2016).
/// Where Phi is 0 the factor x is held, so that -inf gives 0.
template <class T>
inline T gelu(T x) {
  return T(0.5) * (x < T(-40) ? T(-40) : x) * (T(1) + erf(x * T(0.70710678118654752440)));
}
/// Its derivative: Phi(x) + x * phi(x).
template <class T>
inline T gelu_slope(T v) {
  const T high = v > T(40) ? T(40) : v, x = high < T(-40) ? T(-40) : high;
  const T distribution = T(0.5) + T(0.5) * erf(x * T(0.70710678118654752440));
  return distribution + x * T(0.39894228040143267794) * exp(T(-0.5) * x * x);
}

}  // namespace gradus::vmath
