// Differentiable linear algebra on single matrices. All throw ShapeError for shapes that do not fit and
// NumericError for singular or non-finite input.
#pragma once

#include "autograd/graph.h"

namespace gradus {

/// X of A X = B; A (n,n), B (n) or (n,k).
Tensor solve(const Tensor& a, const Tensor& b);
/// X of op(T) X = B for triangular T (n,n); the other triangle of T is not read. B (n) or (n,k).
Tensor solve_triangular(const Tensor& t, const Tensor& b, bool upper, bool transpose = false);
Tensor inverse(const Tensor& a);
/// Lower triangular L with L L' = (A + A')/2.
Tensor cholesky(const Tensor& a);
/// (A + A')/2 = V diag(values) V', values (n) ascending, columns of V (n,n) orthonormal, the largest entry of
/// each column positive. Derivatives of V need distinct values (they divide by differences).
struct Eigh {
  Tensor values, vectors;
};
Eigh eigh(const Tensor& a);

// Forward only: differentiating them throws a GraphError that names them.
/// A = U diag(s) V', thin; k = min(m,n), s descending: U (m,k), s (k), V (n,k).
struct SvdResult {
  Tensor u, s, v;
};
SvdResult svd(const Tensor& a);
/// A = Q R, thin, m >= n: Q (m,n), R (n,n) upper triangular.
struct QrResult {
  Tensor q, r;
};
QrResult qr(const Tensor& a);

}  // namespace gradus
