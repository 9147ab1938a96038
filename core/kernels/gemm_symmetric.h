// Products that are known to be symmetric: X X', or products of matrices that commute. Half of one is computed, the other half
// is its mirror image.
#pragma once

#include "core/kernels/gemm.h"

namespace gradus::kernels {

/// Whether A (m,k) times a matrix that makes it symmetric is better computed so than by gemm: where tiles of our own are, where few of
/// them reach beyond the diagonal, and where A is read where it lies.
bool symmetric_product_pays(const MatrixView& a, int64 m, int64 k);

/// C (m,m) = or += alpha A (m,k) B (k,m), a symmetric matrix, C itself being one where it is added to; rows of C are ldc apart. The
/// result is symmetric to the last bit and does not depend on the number of threads. k >= 1.
void gemm_symmetric(const MatrixView& a, const MatrixView& b, int64 m, int64 k, real alpha, real* c,
                    int64 ldc, bool add);

}  // namespace gradus::kernels
