// Functions of two variables, on which an optimizer's path is a picture: small arms of papers about optimizers.
#pragma once

#include <array>

#include "apps/papers/experiment.h"

namespace gradus {

using ToyPoint = std::array<double, 2>;

struct ToyFunction {
  std::string name;  ///< opens the names of metrics and curves
  /// Its value, and its gradient (a subgradient with sign(0) = 0) into `gradient`.
  double (*value)(const ToyPoint& w, ToyPoint& gradient);
};
/// f = |x| + |y|.
ToyFunction toy_cross();
/// f = |x + y| + |x - y|/10: a valley across the axes.
ToyFunction toy_valley();

/// Runs the optimizer that the arm's option "optim" names on f from `start`. Metrics: NAME_steps, the steps until f < `target`
/// (most + 1 where it was not reached in `most`), NAME_loss, the least f; curve NAME_value of f by step.
void descend(const Trial& trial, const ToyFunction& f, const ToyPoint& start, double target, int64 most,
             Outcome& outcome);

}  // namespace gradus
