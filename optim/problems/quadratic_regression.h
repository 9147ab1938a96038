// Quadratic regression: least squares whose outputs are quadratic in the parameters, the simplest problem on which curvature
// moves along a path of descent.
//   z_a = y_a + G_a theta + theta'Q_a theta/2,  loss = sum_a z_a^2/2,  J = dz/dtheta = G + Q theta,  grad = J'z
// The curvature that matters is that of J J', the kernel. Setting of: Agarwala, Dauphin, ICML 2023, arXiv 2302.08692.
// In double.
#pragma once

#include <span>
#include <vector>

#include "core/rng.h"

namespace gradus {

struct QuadraticRegression {
  std::vector<double> y;  ///< (D)
  std::vector<double> g;  ///< (D,P)
  std::vector<double> q;  ///< (D,P,P), each Q_a symmetric
  int64 outputs() const { return static_cast<int64>(y.size()); }
  int64 parameters() const { return y.empty() ? 0 : static_cast<int64>(g.size() / y.size()); }
};
/// y and G normal, of deviation 1 and 1/sqrt(P); Q_a symmetric normal, of deviation size/sqrt(P).
QuadraticRegression random_quadratic_regression(int64 outputs, int64 parameters, double size, Rng& rng);

struct QuadraticRegressionPoint {
  std::vector<double> outputs;   ///< z, (D)
  std::vector<double> jacobian;  ///< J, (D,P)
  std::vector<double> gradient;  ///< J'z, (P)
  double loss = 0;
};
/// Throws ShapeError where y, G, Q and theta do not fit.
QuadraticRegressionPoint quadratic_regression_point(const QuadraticRegression& problem,
                                                    std::span<const double> theta);
/// The largest eigenvalue of J J'.
double kernel_top_eigenvalue(const QuadraticRegressionPoint& point);

}  // namespace gradus
