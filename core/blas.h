// The BLAS calls gradus uses, typed by `real`. Matrices are row-major.
#pragma once

#include <string>

#include "core/real.h"

namespace gradus {

/// C (m,n) = alpha * op(A) op(B) + beta * C, with op(A) (m,k) and op(B) (k,n); lda, ldb, ldc are row lengths
/// as stored. beta = 0 overwrites C without reading it.
void gemm(bool transpose_a, bool transpose_b, int64 m, int64 n, int64 k, real alpha, const real* a, int64 lda,
          const real* b, int64 ldb, real beta, real* c, int64 ldc);

void set_blas_threads(int n);
/// "OpenBLAS 0.3.21" and the kernels it runs, e.g. "SkylakeX".
std::string blas_version();
std::string blas_core();

}  // namespace gradus
