// Dense linear algebra on row-major matrices: fronts of LAPACK (eigenvalues, singular values, QR, Cholesky,
// LU) and what is made of products alone (Newton-Schulz, power iteration), with order statistics and 1-D
// k-means.
//
// Nothing here is differentiable. Factorisations run in double, except eigenproblems and positive definite systems of
// kWideBelow and more in the float build. All throw ShapeError for what is not a matrix of the right shape, and NumericError
// naming the operation and the shape for NaN or infinite entries, for singular systems and where LAPACK does
// not converge.
#pragma once

#include <array>
#include <functional>
#include <span>
#include <vector>

#include "core/tensor.h"

namespace gradus::linalg {

/// Symmetric eigenproblems and positive definite systems below this order are solved in double in either build.
inline constexpr int64 kWideBelow = 256;

/// op(A) op(B), (m,k) by (k,n), op the transposition where asked for.
Tensor matmul(const Tensor& a, const Tensor& b, bool transpose_a = false, bool transpose_b = false);
/// c = alpha * op(A) op(B) + beta * c, in place.
void matmul_into(Tensor& c, double beta, double alpha, const Tensor& a, const Tensor& b,
                 bool transpose_a = false, bool transpose_b = false);
/// The same of a product that is symmetric (X X', products of symmetric matrices that commute), c with it: half of it is computed, where
/// that pays, and mirrored. Throws ShapeError.
void symmetric_product_into(Tensor& c, double beta, double alpha, const Tensor& a, const Tensor& b,
                            bool transpose_a = false, bool transpose_b = false);
/// (m,n) -> (n,m).
Tensor transpose(const Tensor& a);
Tensor identity(int64 n);

/// A = V diag(values) V' of a symmetric A (its lower triangle is read); values ascending, V's columns
/// orthonormal.
struct Eigen {
  Tensor values;   ///< (n)
  Tensor vectors;  ///< (n,n)
};
Eigen eigh(const Tensor& a);

/// f(A) = V diag(f(values)) V'.
Tensor spectral_function(const Eigen& eigen, const std::function<double(double)>& f);
/// A^(-1/p) of a symmetric positive semidefinite A: eigenvalues below `floor` times the largest are raised to
/// it.
Tensor inverse_root(const Tensor& a, double p, double floor);

/// A = U diag(s) Vt, thin: k = min(m,n), s descending.
struct Svd {
  Tensor u, s, vt;  ///< (m,k), (k), (k,n)
};
Svd svd(const Tensor& a);
/// U Vt: the nearest matrix with orthonormal rows or columns; singular values below 1e-12 of the largest give
/// none.
Tensor polar_factor(const Tensor& a);
/// The largest singular value, exact.
double spectral_norm(const Tensor& a);

/// A = Q R, thin (m >= n): Q (m,n) with orthonormal columns, R (n,n) upper triangular.
struct Qr {
  Tensor q, r;
};
Qr qr(const Tensor& a);

/// Lower triangular L with L L' = A. Throws NumericError if A is not positive definite.
Tensor cholesky(const Tensor& a);
/// X of A X = B for symmetric positive definite A (n,n); B is (n) or (n,k).
Tensor solve_positive(const Tensor& a, const Tensor& b);
/// X of A X = B for any regular A (n,n), by LU with pivoting; B is (n) or (n,k).
Tensor solve(const Tensor& a, const Tensor& b);

/// X of op(T) X = B or, on the right, X op(T) = B; T triangular (n,n).
struct Triangle {
  bool upper = true, transpose = false, right = false;
};
Tensor solve_triangular(const Tensor& t, const Tensor& b, Triangle form);

/// Minimum-norm solution of the symmetric positive semidefinite system A x = b by eigenvalues; those not
/// above `cutoff` times the largest count as zero. A (n,n) and b (n) in row-major doubles.
std::vector<double> solve_pseudo(std::span<const double> a, std::span<const double> b, double cutoff);

/// Coefficients a, b, c of one Newton-Schulz iteration X <- a X + (b A + c A A) X, A = X X'.
using NewtonSchulzStep = std::array<double, 3>;
/// `iterations` times (3.4445, -4.7750, 2.0315). Jordan et al., "Muon", 2024.
std::vector<NewtonSchulzStep> newton_schulz_classic(int iterations = 5);
/// Five triples of their own, as in kvfrans/matrix-whitening (Frans, Abbeel, Levine, 2025, arXiv 2510.25000).
std::vector<NewtonSchulzStep> newton_schulz_per_iteration();
/// Approximately U V' of G = U S V': the iterations on G/(||G||_F + 1e-8), with the shorter side in front.
/// The zero matrix gives zeros. A matrix at least twice as long as wide is iterated through A alone (the same
/// polynomial; directions of singular values below 1e-3 of the norm are good to 1 % in float).
Tensor newton_schulz(const Tensor& g, std::span<const NewtonSchulzStep> steps);

/// The dominant eigenpair (largest |eigenvalue|) of a symmetric operator y = A x: `iterations` products at
/// most, until the Rayleigh quotient moves by less than `tolerance` relative. `x` is the start (not zero) and
/// becomes the unit eigenvector. Returns the Rayleigh quotient.
double power_iteration(const std::function<Tensor(const Tensor&)>& apply, Tensor& x, int iterations,
                       double tolerance = 1e-9);

/// The value at rank q*(n-1) of the sorted values, linearly interpolated; 0 <= q <= 1, n >= 1. NaN if one
/// of them is. Reorders `values`.
double quantile(std::vector<double>& values, double q);
/// quantile 1/2: the mean of the two middle values for an even count.
double median(std::vector<double>& values);

/// Lloyd's algorithm on numbers, from the quantiles (2c+1)/(2k), until the labels stay (at most 100 rounds).
/// Ties go to the lower centre; an empty cluster keeps its centre. Centres ascend.
/// Throws NumericError for NaN.
struct Clusters {
  std::vector<double> centres;  ///< k
  std::vector<int> labels;      ///< one a value
};
Clusters kmeans_1d(std::span<const double> values, int k);

}  // namespace gradus::linalg
