#include "optim/problems/matrix_sensing.h"

#include <cmath>

#include "autograd/ops/elementwise.h"
#include "autograd/ops/matmul.h"
#include "autograd/ops/reduce.h"
#include "autograd/ops/shape_ops.h"
#include "core/error.h"
#include "core/linalg.h"
#include "optim/elements.h"
#include "optim/problems/low_rank.h"

namespace gradus {
namespace {

void check_problem(const MatrixSensing& p, const Tensor& x) {
  const Shape& a = p.operators.shape();
  if (a.rank() != 3 || a[1] != a[2] || !(p.measurements.shape() == Shape{a[0]}) || x.rank() != 2 ||
      x.dim(0) != a[1])
    fail<ShapeError>("matrix sensing: operators {}, measurements {}, factor {}; expected (m,n,n), (m), (n,r)",
                     a.str(), p.measurements.shape().str(), x.shape().str());
}

}  // namespace

MatrixSensing random_matrix_sensing(const SensingOptions& o, Rng& rng) {
  const int64 n = o.size, m = o.measurements;
  if (m < 1) fail<UsageError>("matrix sensing: {} measurements", m);

  MatrixSensing p;
  Rng operators = rng.fork("operators"), truth = rng.fork("truth"), noise = rng.fork("noise");
  p.truth = random_low_rank(n, o.eigenvalues, truth, "matrix sensing");
  Tensor draws = operators.normal_tensor({m, n, n});
  // (G + G')/2 has variance 1/2 off the diagonal and 1 on it.
  p.operators = (draws + transpose(draws)) * real(0.5);
  p.weight = 1 / static_cast<double>(m);
  p.measurements = measure(p.operators, p.truth);
  if (o.noise != 0) p.measurements = p.measurements + noise.normal_tensor({m}, 0, static_cast<real>(o.noise));
  return p;
}

Tensor measure(const Tensor& operators, const Tensor& matrix) {
  if (operators.rank() != 3 || !(matrix.shape() == Shape{operators.dim(1), operators.dim(2)}))
    fail<ShapeError>("measure: operators {} for a matrix {}", operators.shape().str(), matrix.shape().str());
  const int64 m = operators.dim(0), entries = matrix.numel();
  return linalg::matmul(operators.view({m, entries}), matrix.view({entries, 1})).view({m});
}

SensingPoint sensing_point(const MatrixSensing& p, const Tensor& x) {
  check_problem(p, x);
  const int64 m = p.count(), n = p.size();
  Tensor residual = measure(p.operators, linalg::matmul(x, x, false, true));
  real* r = residual.mutable_data();
  double squares = 0;
  for (int64 i = 0; i < m; ++i) {
    r[i] -= p.measurements.data()[i];
    squares += double(r[i]) * double(r[i]);
  }
  Tensor sum({1, n * n});
  linalg::matmul_into(sum, 0, p.weight, residual.view({1, m}), p.operators.view({m, n * n}));
  SensingPoint point{p.weight / 4 * squares, sum.view({n, n}), {}};
  point.gradient = linalg::matmul(point.residual_matrix, x);
  return point;
}

Tensor sensing_loss(const MatrixSensing& p, const Tensor& x) {
  check_problem(p, x);
  const int64 entries = p.size() * p.size();
  const Tensor product = reshape(matmul(x, x, false, true), Shape{entries, 1});
  const Tensor residual =
      matmul(p.operators.view({p.count(), entries}), product) - p.measurements.view({p.count(), 1});
  return sum(square(residual)) * static_cast<real>(p.weight / 4);
}

double product_error(const Tensor& x, const Tensor& target) {
  return relative_distance(linalg::matmul(x, x, false, true), target);
}

double relative_distance(const Tensor& a, const Tensor& b) {
  return std::sqrt(sum_of_squares(a - b) / sum_of_squares(b));
}

}  // namespace gradus
