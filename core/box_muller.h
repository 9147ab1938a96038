// Standard normal numbers from random bits, by Box and Muller, in a form that becomes vector code.
//
// Paper: Box, Muller, "A Note on the Generation of Random Normal Deviates", Annals of Mathematical Statistics 29, 1958.
//   z = sqrt(-2 log u1) cos(2 pi u2),  u1 in (0, 1], u2 in [0, 1), 53 bits each
// Logarithm and cosine are branch-free and double: the logarithm by the series of atanh after its argument is brought to
// [sqrt(1/2), sqrt(2)), the cosine by the series of the sine within a quarter turn. Largest difference of z found by the
// test from the standard library's functions: 6e-15.
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>

#include "core/kernels/vmath.h"
#include "core/real.h"

namespace gradus::box_muller {

/// 53 random bits (of 64) as a number in [0, 1). The two halves are exact, and so is their sum.
inline double unit(std::uint32_t high, std::uint32_t low) {
  return static_cast<double>(high) * 0x1p-32 + static_cast<double>(low >> 11) * 0x1p-53;
}

/// log(x) for normal x > 0.
inline double log(double x) {
  // x = 2^e * m, m in [sqrt(1/2), sqrt(2)). The exponent becomes a double by being set below the point of 2^52.
  constexpr std::uint64_t kRootHalf = 0x3fe6a09e667f3bcd, kMantissa = 0x000fffffffffffff;
  const std::uint64_t bits = std::bit_cast<std::uint64_t>(x) - kRootHalf;
  const double biased =
      std::bit_cast<double>(((bits + (std::uint64_t{2048} << 52)) >> 52) | 0x4330000000000000);
  const double e = biased - (0x1p52 + 2048);
  const double m = std::bit_cast<double>((bits & kMantissa) + kRootHalf);
  // log m = 2 atanh(s) = 2 (s + s^3/3 + s^5/5 + ...), |s| <= 0.1716
  const double s = (m - 1) / (m + 1), z = s * s;
  double q = 2.0 / 21;
  q = q * z + 2.0 / 19;
  q = q * z + 2.0 / 17;
  q = q * z + 2.0 / 15;
  q = q * z + 2.0 / 13;
  q = q * z + 2.0 / 11;
  q = q * z + 2.0 / 9;
  q = q * z + 2.0 / 7;
  q = q * z + 2.0 / 5;
  q = q * z + 2.0 / 3;
  constexpr double kLn2High = 0x1.62e42fefa38p-1, kLn2Low = 0x1.ef35793c7673p-45;
  return e * kLn2High + (2 * s + (q * z * s + e * kLn2Low));
}

/// cos(2 pi t) for t in [0, 1].
inline double cos_of_turns(double t) {
  // cos(2 pi t) = cos(2 pi d) of the distance d from the next whole turn, in [0, 1/2]: sin(2 pi (1/4 - d)).
  const double d = t > 0.5 ? 1 - t : t;
  const double x = (0.25 - d) * 6.283185307179586477, z = x * x;  // |x| <= pi/2
  double q = 1.0 / 51090942171709440000.0;                        // 1/21!
  q = q * z * -1 + 1.0 / 121645100408832000.0;
  q = q * z * -1 + 1.0 / 355687428096000.0;
  q = q * z * -1 + 1.0 / 1307674368000.0;
  q = q * z * -1 + 1.0 / 6227020800.0;
  q = q * z * -1 + 1.0 / 39916800.0;
  q = q * z * -1 + 1.0 / 362880.0;
  q = q * z * -1 + 1.0 / 5040.0;
  q = q * z * -1 + 1.0 / 120.0;
  q = q * z * -1 + 1.0 / 6.0;
  return x - q * z * x;
}

/// One standard normal of 128 random bits. 1 - u keeps the logarithm's argument in (0, 1].
inline double normal(std::uint32_t a, std::uint32_t b, std::uint32_t c, std::uint32_t d) {
  const double square = -2 * log(1 - unit(a, b));
  return std::sqrt(square > 0 ? square : 0) * cos_of_turns(unit(c, d));
}

/// Two standard normals, z = sqrt(-2 log u1) (cos, sin)(2 pi u2), of 64 random bits in single precision. The angle is halved for two
/// short series, sin and cos of a quarter turn at most, and doubled again.
inline void quick_pair(std::uint32_t a, std::uint32_t b, real& z0, real& z1) {
  const real u1 = (static_cast<real>(static_cast<std::int32_t>(a >> 16)) * 65536 +
                   static_cast<real>(static_cast<std::int32_t>(a & 0xffff)) + real(0.5)) *
                  real(0x1p-32);
  const real radius = std::sqrt(std::fabs(2 * vmath::log(u1)));
  const real x = (static_cast<real>(static_cast<std::int32_t>(b >> 8)) * real(0x1p-24) - real(0.5)) *
                 real(3.14159265358979);  // half of the angle less half a turn
  const real y = x * x;
  real s = real(-2.50521084e-8);  // -1/11!
  s = s * y + real(2.75573192e-6);
  s = s * y - real(1.98412698e-4);
  s = s * y + real(8.33333333e-3);
  s = s * y - real(1.66666667e-1);
  s = x + x * y * s;
  real c = real(2.08767570e-9);  // 1/12!
  c = c * y - real(2.75573192e-7);
  c = c * y + real(2.48015873e-5);
  c = c * y - real(1.38888889e-3);
  c = c * y + real(4.16666667e-2);
  c = c * y - real(0.5);
  c = 1 + y * c;
  z0 = -radius * (1 - 2 * s * s);
  z1 = -radius * 2 * s * c;
}

}  // namespace gradus::box_muller
