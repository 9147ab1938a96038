// Minimise f(x) subject to c(x) = 0: smooth functions of a vector, differentiated by autograd as often as a method asks.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "core/tensor.h"

namespace gradus {

struct EqualityProgram {
  std::string name;
  std::function<Tensor(const Tensor& x)> objective;   ///< f of x (d), a differentiable scalar
  std::function<Tensor(const Tensor& x)> constraint;  ///< c of x, (m), differentiable
  Tensor start;                                       ///< (d)
  Tensor solution;                                    ///< where it is known, else undefined
};

/// Values and first derivatives at x; the Jacobian has a row for each constraint, (m,d).
struct EqualityPoint {
  double value;
  Tensor gradient, constraint, jacobian;
};
EqualityPoint equality_point(const EqualityProgram& program, const Tensor& x);
/// Hessian in x of f + lambda'c, (d,d).
Tensor lagrangian_hessian(const EqualityProgram& program, const Tensor& x, const Tensor& lambda);

/// f = x'Qx/2 + q'x, c_j = x'C_j x/2 + a_j'x - b_j; Q (d,d), q (d), C (m,d,d), rows a_j of A (m,d), b (m). Throws ShapeError.
EqualityProgram quadratic_program(const Tensor& q_matrix, const Tensor& q, const Tensor& c_matrices,
                                  const Tensor& a, const Tensor& b);
/// Mean logistic loss of signs (n) of +-1 by features (n,d), subject to A x = b and ||x||^2 = 1. Throws ShapeError.
EqualityProgram logistic_on_sphere(const Tensor& features, const Tensor& signs, const Tensor& a,
                                   const Tensor& b);
/// Small standard problems with known minimisers: numbers 6, 7, 28, 39, 40, 42, 48 and 51 of Hock, Schittkowski, "Test Examples
/// for Nonlinear Programming Codes", Lecture Notes in Economics and Mathematical Systems 187, 1981.
std::vector<EqualityProgram> hock_schittkowski();

}  // namespace gradus
