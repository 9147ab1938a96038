// Low-rank matrix sensing: a symmetric positive semidefinite matrix M* behind linear measurements, sought as X X'.
//   y_i = <A_i, M*>, i = 1..m, A_i symmetric Gaussian (diagonal N(0,1), off-diagonal N(0,1/2) on each side)
//   f(X) = (weight/4) * sum_i (<A_i, X X'> - y_i)^2,   grad f = R X,   R = weight * sum_i (<A_i, X X'> - y_i) A_i
// With weight = 1/m, or A scaled by 1/sqrt(m) and weight = 1, f is near ||X X' - M*||_F^2/4.
// Setting of: Xu, Shen, Chi, Ma, ICML 2023, arXiv 2302.01186; Jin, Li, Lyu, Du, Lee, ICML 2023, arXiv 2301.11500.
#pragma once

#include <vector>

#include "core/rng.h"
#include "core/tensor.h"

namespace gradus {

struct MatrixSensing {
  Tensor operators;     ///< A, (m,n,n)
  Tensor measurements;  ///< y, (m)
  double weight = 1;    ///< of the sum of squares
  Tensor truth;         ///< M*, (n,n); undefined where nobody knows it

  int64 count() const { return operators.dim(0); }
  int64 size() const { return operators.dim(1); }
};

struct SensingOptions {
  int64 size = 20;                                   ///< n
  int64 measurements = 900;                          ///< m
  std::vector<double> eigenvalues = {1, 0.5, 0.25};  ///< of M*, positive; its rank is their number
  double noise = 0;                                  ///< deviation of what is added to each y_i
};
/// A problem drawn at random: eigenvectors of M* uniform, weight 1/m. Throws UsageError for sizes below 1, more eigenvalues
/// than n, and eigenvalues that are not positive.
MatrixSensing random_matrix_sensing(const SensingOptions& options, Rng& rng);

/// <A_i, M> for each i, (m), of a symmetric M (n,n). Throws ShapeError.
Tensor measure(const Tensor& operators, const Tensor& matrix);

struct SensingPoint {
  double loss;
  Tensor residual_matrix;  ///< R, (n,n)
  Tensor gradient;         ///< R X, (n,r)
};
/// f and its derivative at X (n,r). Throws ShapeError.
SensingPoint sensing_point(const MatrixSensing& problem, const Tensor& x);
/// f as a differentiable function of X, (), for any optimizer.
Tensor sensing_loss(const MatrixSensing& problem, const Tensor& x);

/// ||X X' - target||_F / ||target||_F.
double product_error(const Tensor& x, const Tensor& target);
/// ||a - b||_F / ||b||_F.
double relative_distance(const Tensor& a, const Tensor& b);

}  // namespace gradus
