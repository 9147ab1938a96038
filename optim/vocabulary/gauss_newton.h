// Products and solves with the Gauss-Newton model of a batch, whichever form the objective gives it in.
#pragma once

#include "optim/objective.h"

namespace gradus {

/// J J' (n*c, n*c).
Tensor gauss_newton_gram(const GaussNewton& model);
/// J' x (d) of x (n*c).
Tensor gauss_newton_transposed_times(const GaussNewton& model, const Tensor& x);
/// J p (n*c) of p (d).
Tensor gauss_newton_times(const GaussNewton& model, const Tensor& p);
/// Q x: the block-diagonal curvature times x (n*c) or times a matrix (n*c, k).
Tensor gauss_newton_curvature_times(const GaussNewton& model, const Tensor& x);

/// (J'QJ/n + damping*I)^-1 v, v (d), damping > 0: in parameter space where d is small, else through the n*c outputs
/// (push-through identity, symmetric where the model has a root). Throws NumericError if the system is singular.
Tensor solve_damped(const GaussNewton& model, const Tensor& v, double damping);

}  // namespace gradus
