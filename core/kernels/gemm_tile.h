// The register tile of matrix products: kRows x kVectors accumulators, a row of B in vectors times numbers of A.
//
// Paper: Goto, van de Geijn, "Anatomy of High-Performance Matrix Multiplication", ACM TOMS 34(3), 2008: B is copied into
// panels that stream through the first-level cache, a tile of C stays in registers for the whole of k.
// Departure: A is read where it lies, rows or columns, unless that would clash in the cache (gemm.cpp decides).
#pragma once

#include "core/kernels/lanes.h"

namespace gradus::kernels {

/// Largest tile: two vectors of columns by as many rows as the register file holds beside them.
inline constexpr int kTileVectors = 2, kTileRows = kManyRegisters ? 12 : 6;
/// Columns of a panel of B.
inline constexpr int kPanel = kTileVectors * kLanes;

/// How A is read: kAlongRows a[r*step + i] (row-major), kAlongColumns a[r + i*step] (its transpose, or packed).
enum class Walk { kAlongRows, kAlongColumns };

/// Hides from the compiler where an index comes from.
inline void pin_index(int64& i) { asm("" : "+r"(i)); }

/// Steps of k whose numbers of a row of A share a cache line; the tile's loop is unrolled that far.
inline constexpr int kLineSteps = 64 / static_cast<int>(sizeof(real));

/// c (kRows, kVectors*kLanes) = or += start + sum over i < k of A[r][i] * panel[i*kPanel + column]; `start` is a row of
/// kVectors*kLanes numbers or null. While it computes, it calls for the rows of c it will write and for what the tile of the
/// next kRows rows will read: many short rows are a pattern the hardware does not follow. The loop is unrolled because
/// whatever counts and moves pointers takes the multiply-adds' place in the processor.
template <Walk kWalk, int kRows, int kVectors>
inline void gemm_tile(const real* a, int64 step, const real* panel, int64 k, const real* start, real* c,
                      int64 ldc, bool add) {
  constexpr bool kByRows = kWalk == Walk::kAlongRows;
  constexpr int kGroup = 3,
                kBases = kByRows ? (kRows + kGroup - 1) / kGroup : 1;  // base, base+step, base+2*step
  Lanes sum[kRows][kVectors];
#pragma GCC unroll 2
  for (int v = 0; v < kVectors; ++v) {
    const Lanes first = start ? load(start + v * kLanes) : Lanes{};
#pragma GCC unroll 12
    for (int r = 0; r < kRows; ++r) sum[r][v] = first;
  }
  const real* base[kBases];
#pragma GCC unroll 12
  for (int g = 0; g < kBases; ++g) base[g] = a + g * kGroup * step;
  // Rows as base + step + constant, one address: the compiler must not find other forms of it to keep in registers.
  int64 steps[kGroup] = {0, step, 2 * step},
        next_steps[kGroup] = {kRows * step, (kRows + 1) * step, (kRows + 2) * step};
  const auto multiply = [&](int i, const real* row) __attribute__((always_inline)) {
    Lanes b[kVectors];
#pragma GCC unroll 2
    for (int v = 0; v < kVectors; ++v) {
      b[v] = load(row + v * kLanes);
      pin(b[v]);
    }
#pragma GCC unroll 12
    for (int r = 0; r < kRows; ++r) {
      // Broadcast by its load.
      const real s = kByRows ? base[r / kGroup][steps[r % kGroup] + i] : base[0][r];
#pragma GCC unroll 2
      for (int v = 0; v < kVectors; ++v) sum[r][v] += b[v] * s;
    }
    if (!kByRows) base[0] += step;
  };
  const real *next_c = c, *const end_c = c + kRows * ldc;
  int64 left = k;
  for (; left >= kLineSteps; left -= kLineSteps) {
    if (next_c < end_c) {
#pragma GCC unroll 3
      for (int r = 0; r < 3; ++r, next_c += ldc)
#pragma GCC unroll 2
        for (int v = 0; v < kVectors; ++v) __builtin_prefetch(next_c + v * kLanes, 1, 3);
    }
    if (kByRows) {
      pin_index(steps[1]), pin_index(steps[2]);
      pin_index(next_steps[0]), pin_index(next_steps[1]), pin_index(next_steps[2]);
    }
#pragma GCC unroll 16
    for (int i = 0; i < kLineSteps; ++i) {
      if (kByRows && i < kRows) __builtin_prefetch(base[i / kGroup] + next_steps[i % kGroup]);
      if (!kByRows) __builtin_prefetch(base[0] + 2 * kRows - 1);
      multiply(i, panel + i * kPanel);
    }
    panel += kLineSteps * kPanel;
    if (kByRows) {
#pragma GCC unroll 12
      for (int g = 0; g < kBases; ++g) base[g] += kLineSteps;
    }
  }
  for (; left > 0; --left, panel += kPanel) {
    multiply(0, panel);
    if (kByRows) {
#pragma GCC unroll 12
      for (int g = 0; g < kBases; ++g) ++base[g];
    }
  }
#pragma GCC unroll 12
  for (int r = 0; r < kRows; ++r)
#pragma GCC unroll 2
    for (int v = 0; v < kVectors; ++v) {
      real* to = c + r * ldc + v * kLanes;
      store(to, add ? load(to) + sum[r][v] : sum[r][v]);
    }
}

}  // namespace gradus::kernels
