// Gradient descent on low-rank factors, preconditioned by their small Gram matrices.
//
// Paper: Xu, Shen, Chi, Ma, "The Power of Preconditioning in Overparameterized Low-Rank Matrix Sensing", ICML 2023, arXiv
//        2302.01186; of the pair: Tong, Ma, Chi, JMLR 2021, arXiv 2005.08898 (code Titan-Tong/ScaledGD).
//   X (n,r), symmetric:      X <- X - lr * grad_X (X'X + damping*I)^{-1}
//   L (n,r), R (p,r), pair:  L <- L - lr * grad_L (R'R + damping*I)^{-1},  R <- R - lr * grad_R (L'L + damping*I)^{-1},
//                            both from the old pair
// Small random X_0 and any constant lr up to about 1/2: linear rate whatever the condition number of the matrix sought and
// however many columns X has too many. damping: a hundredth of the smallest eigenvalue sought, a tenth where r is near n
// (with less the iteration can diverge there). damping = 0 wants X of full column rank.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "core/options.h"
#include "core/tensor.h"

namespace gradus {

struct ScaledGdOptions {
  double lr = 0.3, damping = 0.01;
  int64 steps = 1;
  std::string method = "scaledgd";
  void visit(auto&& f) {
    f("lr", lr, "step size", positive());
    f("damping", damping, "added to the diagonal of the Gram matrix", at_least(0));
    f("steps", steps, "how many", at_least(0));
    f("method", method, "with or without the Gram matrix", choices({"scaledgd", "gd"}));
  }
};

/// gradient (X'X + damping*I)^{-1}, (n,r). Throws ShapeError, and NumericError where the Gram matrix is singular.
Tensor scaled_gradient(const Tensor& gradient, const Tensor& x, double damping);

/// Loss and gradient at X.
struct FactorPoint {
  double loss;
  Tensor gradient;
};
using FactorObjective = std::function<FactorPoint(const Tensor& x)>;
/// Called before each step, and after the last, with how many were taken, the loss and X; false ends the descent.
using FactorWatch = std::function<bool(int64 step, double loss, const Tensor& x)>;

/// X after `steps` steps from `x`. Throws NumericError where the loss is not finite.
Tensor scaled_gd(const FactorObjective& objective, const Tensor& x, const ScaledGdOptions& options,
                 const FactorWatch& watch);

/// A matrix known in part, and the factors that stand for it: (1/2) * sum over the mask of (L R' - M)^2.
struct FactorPair {
  Tensor left, right;  ///< (n,r), (p,r)
};
struct PairPoint {
  double loss;
  FactorPair gradient;  ///< E R and E'L, E = mask * (L R' - M)
};
/// mask (n,p): 1 where M (n,p) is known, else 0. Throws ShapeError.
PairPoint pair_point(const FactorPair& factors, const Tensor& matrix, const Tensor& mask);
/// One step from `factors` along their gradient.
FactorPair scaled_gd_step(const FactorPair& factors, const FactorPair& gradient,
                          const ScaledGdOptions& options);

}  // namespace gradus
