// Newton steps on the optimality conditions of min f(x), c(x) = 0, solved only as exactly as an exact augmented Lagrangian asks.
//
// Paper: Hong, Na, Mahoney, Kolar, "Constrained Optimization via Exact Augmented Lagrangian and Randomized Iterative Sketching",
//        ICML 2023, arXiv 2305.18379 (AdaSketch-Newton; details as IlgeeHong/AdaSketch-Newton).
//   L = f + lambda'c,  G = c'(x) (m,d),  gx = grad_x L,  W = hess_x L
//   merit = L + eta1/2*||c||^2 + eta2/2*||gx||^2
//   merit_x = gx + eta2*W gx + eta1*G'c,   merit_lambda = c + eta2*G gx
//   B = W, plus (xi_b + ||W||)*I where the Hessian within G's null space has an eigenvalue below 1e-2
//   K = [B G'; G 0],  b = -(gx; c):  z with  ||K||*Psi*||K z - b|| <= theta*delta*||b||  by projections (sketch_project.h)
//   Psi = psi, or 20*max(||B||^2, 1)/(min(xi_g, 1)*min(xi_b, 1)), xi_g the least eigenvalue of G G'
//   delta = max(min(delta, bound), delta_floor),  bound = (1/2 - beta)*eta2/((1 + eta1 + eta2)*Ups^2*Psi^2),
//   Ups = max(||G||, ||W||, 1);   norms of matrices are Frobenius'
//   while merit'z > -eta2/2*||b||^2:  eta1 *= nu^2, eta2 /= nu, delta likewise from delta/nu^4, and z is improved
//   (x, lambda) += alpha*z, alpha halved from 1 until  merit falls by alpha*beta*merit'z;   theta *= theta_decay
// Departures from the authors' code: it takes hess f for W in merit_x, which is wrong for curved constraints; a step is also taken
// where the merit rises by no more than its rounding, which near the solution hides the fall asked for.
#pragma once

#include <string>
#include <vector>

#include "core/options.h"
#include "optim/methods/sketch_project.h"
#include "optim/problems/equality_program.h"

namespace gradus {

struct AdaSketchOptions {
  int64 steps = 100;
  std::string sketch = "kaczmarz";
  double eta1 = 1, eta2 = 0.1, delta = 0.1, xi_b = 0.1, beta = 0.1, nu = 1.5, theta = 1, theta_decay = 1,
         psi = 0, delta_floor = 1e-6, tolerance = 0;
  void visit(auto&& f) {
    f("steps", steps, "outer iterations, at most", at_least(0));
    f("sketch", sketch, "how the system is solved", choices({"kaczmarz", "gaussian", "exact"}));
    f("eta1", eta1, "weight of ||c||^2/2 in the merit, at first", positive());
    f("eta2", eta2, "weight of ||gx||^2/2 in the merit, at first", positive());
    f("delta", delta, "accuracy of the solution, at first", positive());
    f("xi_b", xi_b, "least curvature asked of B", positive());
    f("beta", beta, "share of the predicted fall that a step must reach", between(0, 0.5));
    f("nu", nu, "factor of the weights' updates", at_least(1));
    f("theta", theta, "factor on the accuracy", positive());
    f("theta_decay", theta_decay, "theta's factor an iteration; below 1: superlinear", positive());
    f("psi", psi, "bound on the inverse of K; 0: the formula", at_least(0));
    f("delta_floor", delta_floor, "delta is never less", positive());
    f("tolerance", tolerance, "ends where ||(gx; c)|| is not above", at_least(0));
  }
};

/// Weights of the merit.
struct MeritWeights {
  double eta1 = 1, eta2 = 0.1;
};
/// The Lagrangian and the merit at (x, lambda), with their parts.
struct MeritPoint {
  double merit;
  Tensor merit_x, merit_lambda;                  ///< (d), (m)
  Tensor lagrangian_grad, constraint, jacobian;  ///< gx, c, G
  Tensor lagrangian_hessian;                     ///< W
};
MeritPoint merit_point(const EqualityProgram& program, const Tensor& x, const Tensor& lambda,
                       const MeritWeights& weights);

/// One outer iteration: what was in force when the step was taken.
struct AdaSketchStep {
  double alpha, eta1, eta2, delta, slope, shift;
  int64 sketches;
};
struct AdaSketchRun {
  Tensor x, lambda;
  std::vector<double> kkt_residuals;  ///< ||(gx; c)|| before each iteration, and at the end
  std::vector<AdaSketchStep> steps;
};
/// Throws NumericError where the constraints' gradients are nearly dependent (xi_g < 1e-2), where a million projections do not
/// reach the accuracy asked for, and where no step makes the merit smaller.
AdaSketchRun adasketch_newton(const EqualityProgram& program, const Tensor& x, const Tensor& lambda,
                              const AdaSketchOptions& options, SketchSource& source);

}  // namespace gradus
