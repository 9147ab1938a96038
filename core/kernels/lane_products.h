// The two register-blocked products every fast convolution comes down to, on vectors of kLanes images.
#pragma once

#include <cstdint>
#include <type_traits>

#include "core/kernels/lanes.h"

namespace gradus::kernels {

/// Outputs computed together, and pixels (or tiles) computed together: their product is the number of
/// accumulators, which must cover the latency of a multiply-add and fit the register file.
inline constexpr int kOutBlock = 8;
template <int kOut>
inline constexpr int kPixelBlock = kOut == 1        ? 8
                                   : kManyRegisters ? 3
                                                    : 1;

/// y[o][p] = start[o] + sum over i < k of w[i*kOut + o] * x[offset[i] + p], o < kOut, p < kPixels: x, y in
/// vectors; pixel p is x_step (y_step) elements after pixel p-1, output o is y_plane elements after o-1.
template <int kOut, int kPixels>
inline void spread_product(const real* w, const std::int32_t* offset, int64 k, const real* x, int64 x_step,
                           const real* start, real* y, int64 y_step, int64 y_plane) {
  Lanes sum[kOut][kPixels];
#pragma GCC unroll 8
  for (int o = 0; o < kOut; ++o)
#pragma GCC unroll 8
    for (int p = 0; p < kPixels; ++p) sum[o][p] = Lanes{} + start[o];
  for (int64 i = 0; i < k; ++i) {
    const real* at = x + int64{offset[i]} * kLanes;
    Lanes v[kPixels];
#pragma GCC unroll 8
    for (int p = 0; p < kPixels; ++p) v[p] = load(at + p * x_step);
#pragma GCC unroll 8
    for (int o = 0; o < kOut; ++o)
#pragma GCC unroll 8
      for (int p = 0; p < kPixels; ++p) sum[o][p] += v[p] * w[i * kOut + o];
  }
#pragma GCC unroll 8
  for (int o = 0; o < kOut; ++o)
#pragma GCC unroll 8
    for (int p = 0; p < kPixels; ++p) store(y + o * y_plane + p * y_step, sum[o][p]);
}

/// The same for any number of pixels.
template <int kOut>
inline void spread_row(const real* w, const std::int32_t* offset, int64 k, const real* x, int64 x_step,
                       const real* start, real* y, int64 y_step, int64 y_plane, int64 pixels) {
  constexpr int kMany = kPixelBlock<kOut>;
  int64 p = 0;
  const auto next = [&]<int kPixels>(std::integral_constant<int, kPixels>) {
    spread_product<kOut, kPixels>(w, offset, k, x + p * x_step, x_step, start, y + p * y_step, y_step,
                                  y_plane);
    p += kPixels;
  };
  // 3 + 3 + ... with a remainder of 4 as 2 + 2.
  while (pixels - p >= kMany && !(kMany == 3 && pixels - p == 4)) next(std::integral_constant<int, kMany>{});
  if constexpr (kMany > 2)
    while (pixels - p >= 2) next(std::integral_constant<int, 2>{});
  while (p < pixels) next(std::integral_constant<int, 1>{});
}

/// sums[r][c] = or += sum over i < k of a[r*a_row + i] * b[i + c*b_plane], r < kOutBlock, c < kColumns: a numbers; b and
/// sums vectors, row r of sums `row` elements after r-1.
template <int kColumns>
inline void outer_product(const real* a, int64 a_row, const real* b, int64 b_plane, int64 k, real* sums,
                          int64 row, bool add) {
  Lanes sum[kOutBlock][kColumns];
#pragma GCC unroll 8
  for (int r = 0; r < kOutBlock; ++r)
#pragma GCC unroll 8
    for (int c = 0; c < kColumns; ++c) sum[r][c] = add ? load(sums + r * row + c * kLanes) : Lanes{};
  for (int64 i = 0; i < k; ++i) {
    Lanes v[kColumns];
#pragma GCC unroll 8
    for (int c = 0; c < kColumns; ++c) v[c] = load(b + (c * b_plane + i) * kLanes);
#pragma GCC unroll 8
    for (int r = 0; r < kOutBlock; ++r)
#pragma GCC unroll 8
      for (int c = 0; c < kColumns; ++c) sum[r][c] += v[c] * a[r * a_row + i];
  }
#pragma GCC unroll 8
  for (int r = 0; r < kOutBlock; ++r)
#pragma GCC unroll 8
    for (int c = 0; c < kColumns; ++c) store(sums + r * row + c * kLanes, sum[r][c]);
}

/// A tile of inner products, kDotRows x kDotColumns = kLanes of them, so that their lane sums fill one vector.
inline constexpr int kDotRows = kLanes >= 16 ? 4 : kLanes >= 4 ? 2 : 1;
inline constexpr int kDotColumns = kLanes / kDotRows;

/// Element r*kDotColumns + c of the result is the sum over lines, positions and lanes of a_r * b_c, where a_r
/// starts at a + r*a_plane and b_c at b + offset[c] vectors; steps are in elements.
inline Lanes dot_tile(const real* a, int64 a_plane, int64 a_line, const real* b, const std::int32_t* offset,
                      int64 b_step, int64 b_line, int64 lines, int64 positions) {
  Lanes sum[kLanes] = {};
  const real* column[kDotColumns];
#pragma GCC unroll 8
  for (int c = 0; c < kDotColumns; ++c) column[c] = b + int64{offset[c]} * kLanes;
  for (int64 line = 0; line < lines; ++line) {
    int64 at = 0;
    const real* row = a + line * a_line;
    for (int64 i = 0; i < positions; ++i, at += b_step, row += kLanes) {
      Lanes x[kDotRows];
#pragma GCC unroll 8
      for (int r = 0; r < kDotRows; ++r) x[r] = load(row + r * a_plane);
#pragma GCC unroll 8
      for (int c = 0; c < kDotColumns; ++c) {
        Lanes y = load(column[c] + at);
        pin(y);
#pragma GCC unroll 8
        for (int r = 0; r < kDotRows; ++r) sum[r * kDotColumns + c] += x[r] * y;
      }
    }
#pragma GCC unroll 8
    for (int c = 0; c < kDotColumns; ++c) column[c] += b_line;
  }
  return sum_each(sum);
}

}  // namespace gradus::kernels
