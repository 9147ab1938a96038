#include "core/blas.h"

#include <cblas.h>

#include <algorithm>

#include "core/error.h"
#include "core/kernels/gemm.h"

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
#ifdef GRADUS_DOUBLE
  cblas_dgemm(CblasRowMajor, ta, tb, i(m), i(n), i(k), alpha, a, i(lda), b, i(ldb), beta, c, i(ldc));
#else
  cblas_sgemm(CblasRowMajor, ta, tb, i(m), i(n), i(k), alpha, a, i(lda), b, i(ldb), beta, c, i(ldc));
#endif
}

void set_blas_threads(int n) { openblas_set_num_threads(n); }

std::string blas_version() {
  const std::string config = openblas_get_config();  // "OpenBLAS 0.3.21 NO_LAPACKE DYNAMIC_ARCH ..."
  return config.substr(0, config.find(' ', config.find(' ') + 1));
}

std::string blas_core() { return openblas_get_corename(); }

}  // namespace gradus
