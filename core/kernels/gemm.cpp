#include "core/kernels/gemm.h"

#include <algorithm>
#include <array>

namespace gradus::kernels {
namespace {

using Tile = void (*)(const real* a, int64 step, const real* panel, int64 k, const real* start, real* c,
                      int64 ldc, bool add);

template <Walk kWalk, int kVectors, int... kRow>
constexpr std::array<Tile, sizeof...(kRow)> tiles_of(std::integer_sequence<int, kRow...>) {
  return {gemm_tile<kWalk, kRow + 1, kVectors>...};
}
// kTiles[walk][vectors - 1][rows - 1].
using RowNumbers = std::make_integer_sequence<int, kTileRows>;
constexpr std::array<Tile, kTileRows> kTiles[2][2] = {
    {tiles_of<Walk::kAlongRows, 1>(RowNumbers{}), tiles_of<Walk::kAlongRows, 2>(RowNumbers{})},
    {tiles_of<Walk::kAlongColumns, 1>(RowNumbers{}), tiles_of<Walk::kAlongColumns, 2>(RowNumbers{})}};

// One row of A times kPanels panels, one after the other: as many sums under way as the multiply-adds of a single row
// need, each in the order of gemm_tile.
template <int kPanels>
void row_tile(const real* a, const real* panels, int64 k, const real* start, real* c, bool add) {
  constexpr int kVectors = kPanels * kTileVectors;
  constexpr int64 kAhead = 1024 / sizeof(real);
  const int64 apart = k * kPanel;
  Lanes sum[kVectors];
#pragma GCC unroll 8
  for (int v = 0; v < kVectors; ++v) sum[v] = start ? load(start + v * kLanes) : Lanes{};
  for (int64 i = 0; i < k; ++i, panels += kPanel) {
    const real s = a[i];
#pragma GCC unroll 8
    for (int v = 0; v < kVectors; ++v) {
      const real* at = panels + v / kTileVectors * apart + v % kTileVectors * kLanes;
      __builtin_prefetch(at + kAhead);
      sum[v] += load(at) * s;
    }
  }
#pragma GCC unroll 8
  for (int v = 0; v < kVectors; ++v) {
    real* to = c + v * kLanes;
    store(to, add ? load(to) + sum[v] : sum[v]);
  }
}

// One panel from rows of B in memory order.
void pack_rows(const real* b, int64 step, int64 k, int64 width, real alpha, real* to) {
  if (width == kPanel) {
    for (int64 i = 0; i < k; ++i, b += step, to += kPanel)
      for (int v = 0; v < kPanel; v += kLanes) store(to + v, load(b + v) * alpha);
    return;
  }
  for (int64 i = 0; i < k; ++i, b += step, to += kPanel)
    for (int64 j = 0; j < kPanel; ++j) to[j] = j < width ? b[j] * alpha : 0;
}

// One panel from columns of B in memory order: blocks are transposed in registers.
void pack_columns(const real* b, int64 step, int64 k, int64 width, real alpha, real* to) {
  const int64 whole = k / kLanes * kLanes;
  for (int64 first = 0; first < kPanel; first += kLanes) {
    const int64 here = std::clamp<int64>(width - first, 0, kLanes);
    for (int64 i = 0; i < whole; i += kLanes) {
      Lanes v[kLanes];
      if (here == kLanes) {
#pragma GCC unroll 16
        for (int l = 0; l < kLanes; ++l) v[l] = load(b + (first + l) * step + i);
      } else {
        for (int l = 0; l < kLanes; ++l) v[l] = l < here ? load(b + (first + l) * step + i) : Lanes{};
      }
      transpose(v);
#pragma GCC unroll 16
      for (int l = 0; l < kLanes; ++l) store(to + (i + l) * kPanel + first, v[l] * alpha);
    }
    for (int64 i = whole; i < k; ++i)
      for (int64 l = 0; l < kLanes; ++l)
        to[i * kPanel + first + l] = l < here ? b[(first + l) * step + i] * alpha : 0;
  }
}

// Rows of A for one tile: its numbers of each step of k side by side.
void pack_tile(const real* a, int64 step, int64 k, int64 rows, real* to) {
  const int64 whole = k / kLanes * kLanes;
  for (int64 i = 0; i < whole; i += kLanes) {
    // What a vector holds beyond the tile's rows, later stores correct.
    for (int64 first = (kTileRows - 1) / kLanes * kLanes; first >= 0; first -= kLanes) {
      const int64 here = std::clamp<int64>(rows - first, 0, kLanes);
      Lanes v[kLanes];
      for (int64 l = 0; l < kLanes; ++l) v[l] = l < here ? load(a + (first + l) * step + i) : Lanes{};
      transpose(v);
#pragma GCC unroll 16
      for (int64 l = 0; l < kLanes; ++l) store(to + (i + l) * kTileRows + first, v[l]);
    }
  }
  for (int64 i = whole; i < k; ++i)
    for (int64 l = 0; l < rows; ++l) to[i * kTileRows + l] = a[l * step + i];
}

}  // namespace

void pack_panels(const MatrixView& b, int64 k, int64 n, real alpha, real* panels) {
  for (int64 j = 0; j < n; j += kPanel, panels += k * kPanel) {
    const int64 width = std::min<int64>(kPanel, n - j);
    if (b.column == 1)
      pack_rows(b.p + j, b.row, k, width, alpha, panels);
    else
      pack_columns(b.p + j * b.column, b.column, k, width, alpha, panels);
  }
}

void multiply_packed(const MatrixView& a, int64 m, int64 k, int64 n, const real* panels, real* c, int64 ldc,
                     bool add, const real* start) {
  const bool along_rows = a.column == 1;
  const int64 step = along_rows ? a.row : a.column;
  const auto& tiles = kTiles[along_rows ? 0 : 1];
  int64 j = 0;
  if (m == 1 && along_rows) {
    constexpr int kAtOnce = 2;
    for (; j + kAtOnce * kPanel <= n; j += kAtOnce * kPanel, panels += k * kAtOnce * kPanel)
      row_tile<kAtOnce>(a.p, panels, k, start ? start + j : nullptr, c + j, add);
  }
  for (; j < n; j += kPanel, panels += k * kPanel) {
    const int64 width = std::min<int64>(kPanel, n - j);
    const auto& of_width = tiles[width > kLanes ? 1 : 0];
    for (int64 r = 0; r < m; r += kTileRows) {
      const int64 rows = std::min<int64>(kTileRows, m - r);
      const Tile tile = of_width[static_cast<std::size_t>(rows - 1)];
      const real* at = a.p + r * a.row;
      real* to = c + r * ldc + j;
      if (width == kPanel || width == kLanes) {
        tile(at, step, panels, k, start ? start + j : nullptr, to, ldc, add);
        continue;
      }
      alignas(64) real block[kTileRows * kPanel], first[kPanel] = {};
      if (start) std::copy_n(start + j, width, first);
      tile(at, step, panels, k, first, block, kPanel, false);
      for (int64 i = 0; i < rows; ++i)
        for (int64 q = 0; q < width; ++q)
          to[i * ldc + q] = add ? to[i * ldc + q] + block[i * kPanel + q] : block[i * kPanel + q];
    }
  }
}

int64 gemm_depth(int64 k) {
  constexpr int64 kMost = 256 * sizeof(float) / sizeof(real), kBearable = kMost * 3 / 2;
  if (k <= kBearable) return std::max<int64>(1, k);
  const int64 pieces = (k + kMost - 1) / kMost;
  return ((k + pieces - 1) / pieces + kLanes - 1) / kLanes * kLanes;
}

void pack_pieces(const MatrixView& b, int64 k, int64 n, real alpha, real* panels) {
  const int64 depth = gemm_depth(k);
  for (int64 k0 = 0; k0 < k; k0 += depth)
    pack_panels(b.from(k0, 0), std::min(depth, k - k0), n, alpha, panels + panel_numbers(k0, n));
}

void multiply_pieces(const MatrixView& a, int64 m, int64 k, int64 n, const real* panels, real* c, int64 ldc,
                     bool add) {
  const int64 depth = gemm_depth(k);
  for (int64 k0 = 0; k0 < k; k0 += depth)
    multiply_packed(a.from(0, k0), m, std::min(depth, k - k0), n, panels + panel_numbers(k0, n), c, ldc,
                    add || k0 > 0);
}

namespace detail {

bool gemm_copies(const MatrixView& a, int64 n) {
  constexpr int64 kBytes = 2048, kWorthIt = 96;
  return std::max(a.row, a.column) * static_cast<int64>(sizeof(real)) >= kBytes && n >= kWorthIt;
}

MatrixView gemm_copy(const MatrixView& a, int64 m, int64 k, real* to) {
  if (a.column != 1) {
    for (int64 i = 0; i < k; ++i) std::copy_n(a.p + i * a.column, m, to + i * kGemmRows);
    return {to, 1, kGemmRows};
  }
  for (int64 r = 0; r < m; r += kTileRows)
    pack_tile(a.p + r * a.row, a.row, k, std::min<int64>(kTileRows, m - r), to + r * k);
  return {to, k, kTileRows};  // right for rows that begin a tile
}

}  // namespace detail
}  // namespace gradus::kernels
