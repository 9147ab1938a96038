// Functions of two variables that minimisers are tried on, differentiable in both modes.
//   beale:      (1.5 - x + x*y)^2 + (2.25 - x + x*y^2)^2 + (2.625 - x + x*y^3)^2,  0 at (3, 0.5)
//   rosenbrock: (1 - x)^2 + 100*(y - x^2)^2,                                       0 at (1, 1)
//   rastrigin:  20 + sum over w = x, y of (w^2 - 10*cos(2*pi*w)),                   0 at (0, 0)
//   saddle:     x^2 - y^2 + y^4/4,                                                 -1 at (0, +-sqrt(2)), a saddle at (0, 0)
//   ravine:     (x^2 + 100*y^2)/2,                                                 0 at (0, 0)
#pragma once

#include "autograd/graph.h"

namespace gradus {

/// Of w = (x, y), shape (2); a scalar. Throw ShapeError for another shape.
Tensor beale(const Tensor& w);
Tensor rosenbrock(const Tensor& w);
Tensor rastrigin(const Tensor& w);
Tensor saddle(const Tensor& w);
Tensor ravine(const Tensor& w);

}  // namespace gradus
