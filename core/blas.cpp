#include "core/blas.h"

#include <cblas.h>
#include <omp.h>

#include <algorithm>

#include "core/error.h"
#include "core/kernels/gemm.h"
#include "core/threads.h"

namespace gradus {

void gemm(bool transpose_a, bool transpose_b, int64 m, int64 n, int64 k, real alpha, const real* a, int64 lda,
          const real* b, int64 ldb, real beta, real* c, int64 ldc) {
  if (m == 0 || n == 0) return;
  const auto i = [](int64 v) {
    if (v > 0x7fffffff) fail<ShapeError>("gemm: extent {} is beyond what BLAS takes", v);
    return static_cast<blasint>(v);
  };
  if (k == 0) {
    for (int64 r = 0; r < m; ++r)
      for (int64 s = 0; s < n; ++s) c[r * ldc + s] = beta == 0 ? 0 : beta * c[r * ldc + s];
    return;
  }
  if (kernels::own_gemm_pays(m, n, k) && (beta == 0 || beta == 1)) {
    kernels::gemm_blocked(kernels::matrix_view(a, lda, transpose_a),
                          kernels::matrix_view(b, ldb, transpose_b), m, n, k, alpha, c, ldc, beta == 1,
                          nullptr, [](int64, int64, int64, int64) {});
    return;
  }
  const auto ta = transpose_a ? CblasTrans : CblasNoTrans, tb = transpose_b ? CblasTrans : CblasNoTrans;
  // Blocks of rows or columns of C, each a product of its own on one thread.
  constexpr int64 kUnit = 48, kSerial = int64{1} << 19;
  const bool by_rows = m >= n;
  const int64 extent = by_rows ? m : n, units = (extent + kUnit - 1) / kUnit;
  const blasint whole[] = {i(m), i(n), i(k), i(lda), i(ldb), i(ldc)};
  parallel_for(units, m * n * k < kSerial ? units : 1, [&](int64 begin, int64 end) {
    const BlasThreads one(false);
    const int64 first = begin * kUnit;
    const auto count = static_cast<blasint>(std::min(end * kUnit, extent) - first);
    const real* pa = by_rows ? a + first * (transpose_a ? 1 : lda) : a;
    const real* pb = by_rows ? b : b + first * (transpose_b ? ldb : 1);
    real* pc = c + first * (by_rows ? ldc : 1);
#ifdef GRADUS_DOUBLE
    const auto product = cblas_dgemm;
#else
    const auto product = cblas_sgemm;
#endif
    product(CblasRowMajor, ta, tb, by_rows ? count : whole[0], by_rows ? whole[1] : count, whole[2], alpha,
            pa, whole[3], pb, whole[4], beta, pc, whole[5]);
  });
}

// OpenBLAS's OpenMP build takes as many threads as OpenMP would on the calling thread.
BlasThreads::BlasThreads(bool many)
    : before_(omp_get_max_threads()), now_(many && !in_parallel() ? threads() : 1) {
  omp_set_num_threads(now_);
}
BlasThreads::~BlasThreads() {
  // OpenMP's threads would go on spinning for milliseconds, in the way of our own.
  if (now_ > 1) omp_pause_resource(omp_pause_soft, omp_get_initial_device());
  omp_set_num_threads(before_);
}

std::string blas_version() {
  const std::string config = openblas_get_config();  // "OpenBLAS 0.3.21 NO_LAPACKE DYNAMIC_ARCH ..."
  return config.substr(0, config.find(' ', config.find(' ') + 1));
}

std::string blas_core() { return openblas_get_corename(); }

}  // namespace gradus
