// The BLAS calls gradus uses, typed by `real`. Matrices are row-major.
#pragma once

#include <string>

#include "core/real.h"

namespace gradus {

/// C (m,n) = alpha * op(A) op(B) + beta * C, with op(A) (m,k) and op(B) (k,n); lda, ldb, ldc are row lengths
/// as stored. beta = 0 overwrites C without reading it.
void gemm(bool transpose_a, bool transpose_b, int64 m, int64 n, int64 k, real alpha, const real* a, int64 lda,
          const real* b, int64 ldb, real beta, real* c, int64 ldc);

/// How many threads BLAS and LAPACK take on this thread while it lives: 1 if `many` is false or this is already one of
/// several threads, else threads(). Products need none (`gemm` divides them itself); factorisations of large matrices do.
/// What the calling thread had set for OpenMP is restored afterwards.
class BlasThreads {
 public:
  explicit BlasThreads(bool many);
  ~BlasThreads();
  BlasThreads(const BlasThreads&) = delete;
  BlasThreads& operator=(const BlasThreads&) = delete;

 private:
  int before_, now_;
};
/// "OpenBLAS 0.3.21" and the kernels it runs, e.g. "SkylakeX".
std::string blas_version();
std::string blas_core();

}  // namespace gradus
