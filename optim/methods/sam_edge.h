// The edge of stability of sharpness-aware minimization: the largest curvature that its steps can follow.
//
// Paper: Agarwala, Dauphin, "SAM operates far from home: eigenvalue regularization as a dynamical phenomenon", ICML 2023,
//        arXiv 2302.08692.
//   a step  theta -= lr*grad L(theta + rho*grad L(theta))  multiplies the direction of curvature lam by 1 - lr*lam*(1 + rho*lam)
//   ratio(lam) = lr*lam*(1 + rho*lam)/2;   stable while it is at most 1
//   edge(lr, rho) = (sqrt(1 + 8*rho/lr) - 1)/(2*rho),  2/lr at rho = 0
// Of the normalised form (sam of optim/wrappers/sam.cpp as it is by default) rho is rho/||grad L(theta)||, another one each step.
#pragma once

namespace gradus {

/// The curvature at which ratio is 1, in the form 4/(lr*(1 + sqrt(1 + 8*rho/lr))), which has no difference of near numbers.
/// Throws UsageError unless lr > 0 and rho >= 0.
double sam_edge(double lr, double rho);
/// lr*eigenvalue*(1 + rho*eigenvalue)/2.
double sam_edge_ratio(double lr, double rho, double eigenvalue);

}  // namespace gradus
