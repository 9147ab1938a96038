#include "optim/problems/quadratic_regression.h"

#include <cmath>

#include "core/error.h"
#include "core/linalg.h"

namespace gradus {

QuadraticRegression random_quadratic_regression(int64 outputs, int64 parameters, double size, Rng& rng) {
  const size_t d = static_cast<size_t>(outputs), p = static_cast<size_t>(parameters);
  const double scale = 1 / std::sqrt(static_cast<double>(parameters));
  QuadraticRegression problem{std::vector<double>(d), std::vector<double>(d * p),
                              std::vector<double>(d * p * p)};
  for (double& v : problem.y) v = rng.normal();
  for (double& v : problem.g) v = scale * rng.normal();
  for (size_t a = 0; a < d; ++a)
    for (size_t i = 0; i < p; ++i)
      for (size_t j = 0; j <= i; ++j)
        problem.q[(a * p + i) * p + j] = problem.q[(a * p + j) * p + i] = size * scale * rng.normal();
  return problem;
}

QuadraticRegressionPoint quadratic_regression_point(const QuadraticRegression& problem,
                                                    std::span<const double> theta) {
  const size_t d = problem.y.size(), p = theta.size();
  if (problem.g.size() != d * p || problem.q.size() != d * p * p)
    fail<ShapeError>("quadratic regression: {} outputs, {} numbers in G, {} in Q, {} in theta", d,
                     problem.g.size(), problem.q.size(), p);
  QuadraticRegressionPoint at{problem.y, problem.g, std::vector<double>(p, 0.0)};
  for (size_t a = 0; a < d; ++a) {
    double* row = at.jacobian.data() + a * p;
    for (size_t i = 0; i < p; ++i) {
      double bent = 0;
      for (size_t j = 0; j < p; ++j) bent += problem.q[(a * p + i) * p + j] * theta[j];
      at.outputs[a] += (problem.g[a * p + i] + bent / 2) * theta[i];
      row[i] += bent;
    }
    for (size_t i = 0; i < p; ++i) at.gradient[i] += row[i] * at.outputs[a];
    at.loss += at.outputs[a] * at.outputs[a] / 2;
  }
  return at;
}

double kernel_top_eigenvalue(const QuadraticRegressionPoint& point) {
  const size_t d = point.outputs.size(), p = point.gradient.size();
  if (d == 0) return 0;
  const int64 order = static_cast<int64>(d);
  Tensor kernel({order, order});
  for (size_t a = 0; a < d; ++a)
    for (size_t b = 0; b <= a; ++b) {
      double sum = 0;
      for (size_t i = 0; i < p; ++i) sum += point.jacobian[a * p + i] * point.jacobian[b * p + i];
      kernel.mutable_data()[a * d + b] = kernel.mutable_data()[b * d + a] = static_cast<real>(sum);
    }
  return static_cast<double>(linalg::eigh(kernel).values.data()[order - 1]);
}

}  // namespace gradus
