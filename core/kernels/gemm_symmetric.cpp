#include "core/kernels/gemm_symmetric.h"

#include <algorithm>

namespace gradus::kernels {
namespace {

// The columns of panel j, from the first tile that reaches the diagonal downwards.
void lower_panel(const MatrixView& a, const MatrixView& b, int64 m, int64 k, real alpha, real* c, int64 ldc,
                 bool add, int64 j, real* panel) {
  const int64 first = j * kPanel, width = std::min<int64>(kPanel, m - first);
  const int64 top = first / kTileRows * kTileRows;
  pack_pieces(b.from(0, first), k, width, alpha, panel);
  multiply_pieces(a.from(top, 0), m - top, k, width, panel, c + top * ldc + first, ldc, add);
}

void mirror_lower(real* c, int64 m, int64 ldc) {
  constexpr int64 kBlock = 16;  // of rows and columns at a time, so that lines are used while they are near
  for (int64 i0 = 0; i0 < m; i0 += kBlock)
    for (int64 j0 = 0; j0 <= i0; j0 += kBlock)
      for (int64 i = i0; i < std::min(i0 + kBlock, m); ++i)
        for (int64 j = j0; j < std::min(j0 + kBlock, i); ++j) c[j * ldc + i] = c[i * ldc + j];
}

}  // namespace

bool symmetric_product_pays(const MatrixView& a, int64 m, int64 k) {
  return own_gemm_pays(m, m, k) && m >= 2 * kPanel && !detail::gemm_copies(a, m);
}

void gemm_symmetric(const MatrixView& a, const MatrixView& b, int64 m, int64 k, real alpha, real* c,
                    int64 ldc, bool add) {
  constexpr int64 kSerial = int64{1} << 20;  // as in gemm_blocked, of half the multiply-adds
  const int64 panels = (m + kPanel - 1) / kPanel, pairs = (panels + 1) / 2;
  // A long column and a short one together are as much work as any other two.
  parallel_for(pairs, m * m * k < kSerial ? pairs : 1, [&](int64 begin, int64 end) {
    LaneBuffer panel((panel_numbers(k, kPanel) + kLanes - 1) / kLanes);
    for (int64 pair = begin; pair < end; ++pair) {
      lower_panel(a, b, m, k, alpha, c, ldc, add, pair, panel.data());
      if (const int64 other = panels - 1 - pair; other != pair)
        lower_panel(a, b, m, k, alpha, c, ldc, add, other, panel.data());
    }
  });
  mirror_lower(c, m, ldc);
}

}  // namespace gradus::kernels
