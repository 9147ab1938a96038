// Power iteration on a symmetric operator that is only known by its products, with every Rayleigh quotient on the way.
//
//   v = start/||start||;   each time:  w = A v,  q = v'w,  v = (w + shift*v)/||w + shift*v||
// It finds the eigenvalue of A + shift*I of largest size: with a shift above minus the least eigenvalue, the largest of A.
// linalg::power_iteration is the plain form on one tensor, with a tolerance.
#pragma once

#include <span>
#include <vector>

#include "autograd/functional/hutchinson.h"

namespace gradus {

struct PowerIteration {
  double eigenvalue = 0;         ///< v'A v at the last v
  std::vector<Tensor> vector;    ///< v, unit, in the shapes of the start
  std::vector<double> rayleigh;  ///< v'A v before each iteration
};
/// iterations + 1 products. A start that A + shift*I maps to zero stays. Throws UsageError for iterations < 0, NumericError
/// for a start that is zero or not finite, and for products that are not finite.
PowerIteration power_iteration(const LinearOperator& a, std::span<const Tensor> start, int iterations,
                               double shift = 0);

}  // namespace gradus
