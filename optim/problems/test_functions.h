// Functions of two variables that minimisers are tried on, differentiable in both modes.
//   beale:      (1.5 - x + x*y)^2 + (2.25 - x + x*y^2)^2 + (2.625 - x + x*y^3)^2,  0 at (3, 0.5)
//   rosenbrock: (1 - x)^2 + 100*(y - x^2)^2,                                       0 at (1, 1)
#pragma once

#include "autograd/graph.h"

namespace gradus {

/// Of w = (x, y), shape (2); a scalar. Throw ShapeError for another shape.
Tensor beale(const Tensor& w);
Tensor rosenbrock(const Tensor& w);

}  // namespace gradus
