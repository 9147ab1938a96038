// Lanes: one vector register of `real`, by the compiler's vector extension, so that one source serves AVX-512,
// AVX, SSE and NEON. What differs between processors is only the width and how many registers there are.
#pragma once

#include <cstring>
#include <utility>

#include "core/real.h"

namespace gradus::kernels {

#if defined(__AVX512F__)
inline constexpr int kVectorBytes = 64;
inline constexpr bool kManyRegisters = true;  // 32
#elif defined(__AVX__)
inline constexpr int kVectorBytes = 32;
inline constexpr bool kManyRegisters = false;  // 16
#elif defined(__aarch64__)
inline constexpr int kVectorBytes = 16;
inline constexpr bool kManyRegisters = true;
#else
inline constexpr int kVectorBytes = 16;
inline constexpr bool kManyRegisters = false;
#endif

inline constexpr int kLanes = kVectorBytes / static_cast<int>(sizeof(real));
using Lanes [[gnu::vector_size(kVectorBytes)]] = real;

inline Lanes load(const real* p) {
  Lanes v;
  std::memcpy(&v, p, sizeof v);
  return v;
}
inline void store(real* p, const Lanes& v) { std::memcpy(p, &v, sizeof v); }

/// Holds v in a register from here on. Without it the compiler folds the load into each instruction that uses v,
/// and a tile that reuses its operands is then bound by loads.
inline void pin(Lanes& v) {
#if defined(__aarch64__)
  asm("" : "+w"(v));
#elif defined(__AVX512F__)
  asm("" : "+v"(v));
#elif defined(__SSE2__)
  asm("" : "+x"(v));
#else
  (void)v;
#endif
}

namespace detail {
template <class V, int... I>
inline V zip_low(const V& a, const V& b, std::integer_sequence<int, I...>) {
  constexpr int n = sizeof...(I);
  return __builtin_shufflevector(a, b, (I % 2 * n + I / 2)...);
}
template <class V, int... I>
inline V zip_high(const V& a, const V& b, std::integer_sequence<int, I...>) {
  constexpr int n = sizeof...(I);
  return __builtin_shufflevector(a, b, (I % 2 * n + I / 2 + n / 2)...);
}
template <int... I>
inline Lanes every_second(const Lanes& a, const Lanes& b, std::integer_sequence<int, I...>) {
  return __builtin_shufflevector(a, b, (2 * I)...);
}
template <int... I>
inline Lanes every_other(const Lanes& a, const Lanes& b, std::integer_sequence<int, I...>) {
  return __builtin_shufflevector(a, b, (2 * I + 1)...);
}
using LaneNumbers = std::make_integer_sequence<int, kLanes>;
}  // namespace detail

/// a0 b0 a1 b1 ... of the lower halves, and of the upper halves.
inline Lanes zip_low(const Lanes& a, const Lanes& b) { return detail::zip_low(a, b, detail::LaneNumbers{}); }
inline Lanes zip_high(const Lanes& a, const Lanes& b) {
  return detail::zip_high(a, b, detail::LaneNumbers{});
}

/// Of the 2*kLanes numbers a then b: those at even places, and those at odd ones.
inline Lanes evens(const Lanes& a, const Lanes& b) {
  return detail::every_second(a, b, detail::LaneNumbers{});
}
inline Lanes odds(const Lanes& a, const Lanes& b) { return detail::every_other(a, b, detail::LaneNumbers{}); }

/// Transposes n vectors of n numbers in place: lane j of v[i] changes places with lane i of v[j]. Each of the log2
/// rounds zips vector i with vector i + n/2, which moves one bit of the row number into the lane number.
template <class V, int n>
inline void transpose(V (&v)[n]) {
  using Numbers = std::make_integer_sequence<int, n>;
#pragma GCC unroll 4
  for (int round = 1; round < n; round *= 2) {
    V t[n];
#pragma GCC unroll 16
    for (int i = 0; i < n / 2; ++i) {
      t[2 * i] = detail::zip_low(v[i], v[i + n / 2], Numbers{});
      t[2 * i + 1] = detail::zip_high(v[i], v[i + n / 2], Numbers{});
    }
#pragma GCC unroll 16
    for (int i = 0; i < n; ++i) v[i] = t[i];
  }
}

/// Lane i of the result is the sum of the lanes of v[i]; v is used up.
inline Lanes sum_each(Lanes (&v)[kLanes]) {
#pragma GCC unroll 4
  for (int half = kLanes / 2; half > 0; half /= 2) {
#pragma GCC unroll 16
    for (int i = 0; i < half; ++i) v[i] = zip_low(v[i], v[i + half]) + zip_high(v[i], v[i + half]);
  }
  return v[0];
}

}  // namespace gradus::kernels
