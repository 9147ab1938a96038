// What a hypergradient by implicit differentiation costs, against a gradient of the same training loss.
#pragma once

#include "core/real.h"

namespace gradus::bench {

/// Softmax regression with a decay of its own for every weight, so that there are as many hyperparameters as weights.
struct HypergradientCosts {
  int64 hyperparameters, terms;
  double gradient, implicit;  ///< seconds of one call each, medians
  double gradient_bytes,
      implicit_bytes;  ///< most that tensors held during a call, beside data, weights and hyperparameters
};
/// 64 rows of `inputs` numbers, 100 classes: inputs*100 hyperparameters; `terms` Hessian products of the Neumann series
/// (optim/bilevel/implicit_gradient.h). `seconds` a kind.
HypergradientCosts measure_hypergradient(int64 inputs, int64 terms, double seconds);

}  // namespace gradus::bench
