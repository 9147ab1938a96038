// Matrix products of our own: packed panels, register tiles, and a place to go on with each block of the result while
// it is in the cache (bias, activation). `gemm` of core/blas.h takes them where they are faster than BLAS.
#pragma once

#include <algorithm>

#include "core/kernels/conv_pack.h"
#include "core/kernels/gemm_tile.h"
#include "core/threads.h"

namespace gradus::kernels {

/// A matrix to read: element (r,c) at p[r*row + c*column], one of the steps is 1.
struct MatrixView {
  const real* p;
  int64 row, column;
  MatrixView from(int64 r, int64 c) const { return {p + r * row + c * column, row, column}; }
};
/// op(A) of a row-major A whose rows are `ld` apart.
inline MatrixView matrix_view(const real* p, int64 ld, bool transposed = false) {
  return transposed ? MatrixView{p, 1, ld} : MatrixView{p, ld, 1};
}

/// Numbers that panels of a (k,n) matrix take: columns are filled up with zeros to whole panels.
inline int64 panel_numbers(int64 k, int64 n) { return (n + kPanel - 1) / kPanel * kPanel * k; }
/// alpha * B (k,n) as panels of kPanel columns, one after the other.
void pack_panels(const MatrixView& b, int64 k, int64 n, real alpha, real* panels);
/// C (m,n) = or += A (m,k) times packed B, on the calling thread; the panels and A are best in the second-level cache.
/// `start` (n numbers or null) is added to each row.
void multiply_packed(const MatrixView& a, int64 m, int64 k, int64 n, const real* panels, real* c, int64 ldc,
                     bool add, const real* start = nullptr);
/// The same for deep A and panels packed in pieces: piece after piece of at most `gemm_depth(k)`.
int64 gemm_depth(int64 k);
void pack_pieces(const MatrixView& b, int64 k, int64 n, real alpha, real* panels);
void multiply_pieces(const MatrixView& a, int64 m, int64 k, int64 n, const real* panels, real* c, int64 ldc,
                     bool add);

namespace detail {
inline constexpr int64 kGemmColumns = 512, kGemmRows = 20 * kTileRows, kGemmPanels = int64{192} << 10;
/// Whether A's steps would make its rows (or columns) clash in the first-level cache; then a copy of them is read: rows
/// tile after tile, in the order in which the tiles read them.
bool gemm_copies(const MatrixView& a, int64 n);
MatrixView gemm_copy(const MatrixView& a, int64 m, int64 k, real* to);
inline constexpr int64 kGemmCopy = kGemmRows * 384 + kLanes;

template <class Finish>
void gemm_one_thread(const MatrixView& a, const MatrixView& b, int64 m, int64 n, int64 k, real alpha, real* c,
                     int64 ldc, bool add, const real* start, const Finish& finish) {
  const int64 depth = gemm_depth(k), columns = std::min(n, kGemmColumns);
  // As many pieces of depth as fit, so that a block of C is finished while it is near.
  const int64 group = std::min(k, std::max<int64>(1, kGemmPanels / columns / depth) * depth);
  const bool copies = gemm_copies(a, columns);
  // Panels, and behind them the copy of A.
  const int64 panel_vectors = (panel_numbers(group, columns) + kLanes - 1) / kLanes;
  LaneBuffer scratch(panel_vectors + (copies ? kGemmCopy / kLanes + 1 : 0));
  real *const panels = scratch.data(), *const copy = panels + panel_vectors * kLanes;
  for (int64 n0 = 0; n0 < n; n0 += columns) {
    const int64 width = std::min(columns, n - n0);
    for (int64 g0 = 0; g0 < k; g0 += group) {
      const int64 deep = std::min(group, k - g0);
      for (int64 k0 = 0; k0 < deep; k0 += depth)
        pack_panels(b.from(g0 + k0, n0), std::min(depth, deep - k0), width, alpha,
                    panels + panel_numbers(k0, width));
      for (int64 m0 = 0; m0 < m; m0 += kGemmRows) {
        const int64 rows = std::min(kGemmRows, m - m0);
        real* block = c + m0 * ldc + n0;
        for (int64 k0 = 0; k0 < deep; k0 += depth) {
          const int64 d = std::min(depth, deep - k0);
          const MatrixView at = a.from(m0, g0 + k0);
          multiply_packed(copies ? gemm_copy(at, rows, d, copy) : at, rows, d, width,
                          panels + panel_numbers(k0, width), block, ldc, add || g0 + k0 > 0,
                          start && g0 + k0 == 0 ? start + n0 : nullptr);
        }
        if (g0 + deep == k) finish(m0, rows, n0, width);
      }
    }
  }
}
}  // namespace detail

namespace detail {
/// Divides C (m,n) among all threads, along its longer side: body(row, rows, column, columns).
template <class Body>
void gemm_parts(int64 m, int64 n, int64 k, const Body& body) {
  constexpr int64 kSerial =
      int64{1} << 19;  // multiply-adds: two microseconds' work is not worth waking threads
  const bool by_rows = m > n;
  const int64 unit = by_rows ? kTileRows : kPanel, units = ((by_rows ? m : n) + unit - 1) / unit;
  parallel_for(units, m * n * k < kSerial ? units : 1, [&](int64 begin, int64 end) {
    const int64 first = begin * unit, count = std::min(end * unit, by_rows ? m : n) - first;
    if (by_rows)
      body(first, count, int64{0}, n);
    else
      body(int64{0}, m, first, count);
  });
}
}  // namespace detail

/// C (m,n) = or += start + alpha A (m,k) B (k,n) on all threads, `start` being n numbers added to each row, or null;
/// finish(row, rows, column, columns) follows each block of C, on the thread that computed it. The result does not depend on the number of threads. k >= 1.
template <class Finish>
void gemm_blocked(const MatrixView& a, const MatrixView& b, int64 m, int64 n, int64 k, real alpha, real* c,
                  int64 ldc, bool add, const real* start, const Finish& finish) {
  detail::gemm_parts(m, n, k, [&](int64 row, int64 rows, int64 column, int64 columns) {
    detail::gemm_one_thread(
        a.from(row, 0), b.from(0, column), rows, columns, k, alpha, c + row * ldc + column, ldc, add,
        start ? start + column : nullptr,
        [&](int64 r, int64 some, int64 q, int64 wide) { finish(row + r, some, column + q, wide); });
  });
}

/// C (m,n) = start + A (m,k) B for B (k,n) packed by pack_pieces, otherwise as above. Each element is summed as gemm_blocked
/// sums it, so a row of C does not depend on the other rows of A, nor on how many there are.
template <class Finish>
void gemm_packed(const MatrixView& a, const real* panels, int64 m, int64 n, int64 k, real* c, int64 ldc,
                 const real* start, const Finish& finish) {
  const int64 depth = gemm_depth(k);
  detail::gemm_parts(m, n, k, [&](int64 row, int64 rows, int64 column, int64 columns) {
    const bool copies = rows >= kTileRows && detail::gemm_copies(a, columns);
    LaneBuffer scratch(copies ? detail::kGemmCopy / kLanes + 1 : 0);
    for (int64 m0 = row; m0 < row + rows; m0 += detail::kGemmRows) {
      const int64 some = std::min(detail::kGemmRows, row + rows - m0);
      for (int64 k0 = 0; k0 < k; k0 += depth) {
        const int64 d = std::min(depth, k - k0);
        const MatrixView at = a.from(m0, k0);
        // Of a piece, the panels before `column` hold d numbers a column.
        multiply_packed(copies ? detail::gemm_copy(at, some, d, scratch.data()) : at, some, d, columns,
                        panels + panel_numbers(k0, n) + column * d, c + m0 * ldc + column, ldc, k0 > 0,
                        start && k0 == 0 ? start + column : nullptr);
      }
      finish(m0, some, column, columns);
    }
  });
}

/// Whether products of our own beat BLAS: on AVX-512, but for products of vectors (README.md).
inline bool own_gemm_pays(int64 m, int64 n, int64 k) {
  return kVectorBytes == 64 && std::min({m, n, k}) >= 4;
}

}  // namespace gradus::kernels
