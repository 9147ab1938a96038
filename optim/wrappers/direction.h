// What the rule inside did in one step, taken apart: w_after = keep*w_before - step, keep by its decoupled decay.
#pragma once

#include <deque>
#include <string>
#include <vector>

#include "optim/optimizer.h"
#include "optim/table.h"

namespace gradus {

/// One parameter's step of the rule inside; apply() puts a changed one in its place.
struct Direction {
  ParamRow* row;
  Tensor before;  ///< the weights before the step
  Tensor step;    ///< lr times the direction; what is subtracted
  real keep;      ///< factor of the rule's decoupled decay on the weights
  double lr;      ///< step size in force; 1 for a rule without one

  /// weights = keep*before - step.
  void apply();
};

/// Copies of the weights that take part, in the order of the rows.
std::vector<Tensor> weights_of(std::deque<ParamRow>& rows);
/// The steps that led from `before` to the present weights.
std::vector<Direction> directions(std::deque<ParamRow>& rows, const std::vector<Tensor>& before,
                                  const Optimizer& inner, double lr_scale);

/// Throws UsageError, naming both, for a rule inside that asks for more than gradients of its batch: a wrapper whose rule
/// meets a gradient of other weights or of an earlier batch cannot give it.
void check_gradients_suffice(const Optimizer& inner, const std::string& wrapper);

}  // namespace gradus
