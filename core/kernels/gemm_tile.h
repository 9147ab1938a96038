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

/// c (kRows, kVectors*kLanes) = or += sum over i < k of A[r][i] * panel[i*kPanel + column].
template <Walk kWalk, int kRows, int kVectors>
inline void gemm_tile(const real* a, int64 step, const real* panel, int64 k, real* c, int64 ldc, bool add) {
  constexpr int kGroup = 3,
                kBases = (kRows + kGroup - 1) / kGroup;  // few pointers: base, base+step, base+2*step
  Lanes sum[kRows][kVectors];
#pragma GCC unroll 12
  for (int r = 0; r < kRows; ++r)
#pragma GCC unroll 2
    for (int v = 0; v < kVectors; ++v) sum[r][v] = Lanes{};
      // C comes last and may be far away: call for it now.
#pragma GCC unroll 12
  for (int r = 0; r < kRows; ++r)
#pragma GCC unroll 2
    for (int v = 0; v < kVectors; ++v) __builtin_prefetch(c + r * ldc + v * kLanes, 1);
  const real* base[kBases];
#pragma GCC unroll 12
  for (int g = 0; g < kBases; ++g)
    base[g] = kWalk == Walk::kAlongRows ? a + g * kGroup * step : a + g * kGroup;
  for (int64 i = 0; i < k; ++i) {
    Lanes b[kVectors];
#pragma GCC unroll 2
    for (int v = 0; v < kVectors; ++v) {
      b[v] = load(panel + v * kLanes);
      pin(b[v]);
    }
#pragma GCC unroll 12
    for (int r = 0; r < kRows; ++r) {
      const real* at = base[r / kGroup];
      const real s =
          kWalk == Walk::kAlongRows ? at[r % kGroup * step] : at[r % kGroup];  // broadcast by its load
#pragma GCC unroll 2
      for (int v = 0; v < kVectors; ++v) sum[r][v] += b[v] * s;
    }
    panel += kPanel;
#pragma GCC unroll 12
    for (int g = 0; g < kBases; ++g) base[g] += kWalk == Walk::kAlongRows ? 1 : step;
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
