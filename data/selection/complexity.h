// How hard it is to find the best of a few hypotheses by noisy linear measurements.
//
// Paper: Zhang, Jain, Jamieson, "Learning to Actively Learn: A Robust Approach", 2020, arXiv 2010.15382.
//   y_z = z* - z, gap_z = <y_z, theta>, A(lambda) = sum_i lambda_i x_i x_i' + ridge*I
//   C(theta) = min over lambda in the simplex of max over z != z* of f_z,   f_z = y_z' A(lambda)^-1 y_z / gap_z^2
// By a primal-dual iteration from uniform weights (steps of Frank and Wolfe with one active z stall where gaps are equal):
//   w_z *= exp((f_z/max f - 1)/sqrt(k+1));  lambda_i *= sqrt(sum_z w_z (x_i' A^-1 y_z)^2/gap_z^2);  both normalised
// C is the least max f of all iterates and running means. C(c*theta) = C(theta)/c^2.
#pragma once

#include <span>
#include <vector>

#include "core/tensor.h"

namespace gradus {

struct Complexity {
  int64 best = 0;    ///< z*, of equals the first
  double value = 0;  ///< infinite where another hypothesis is as good; 0 where there is no other
  std::vector<double> allocation;  ///< (n): the mean of all lambda
};
/// queries (n,d), hypotheses (m,d), theta (d). Throws ShapeError, NumericError where A is not positive definite.
Complexity exploration_complexity(const Tensor& queries, const Tensor& hypotheses,
                                  std::span<const double> theta, int64 iterations = 100, double ridge = 1e-6);

}  // namespace gradus
