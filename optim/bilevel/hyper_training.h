// Weights and hyperparameters trained side by side, each warm-started from where it is.
//
// Paper: Lorraine, Vicol, Duvenaud, AISTATS 2020, arXiv 1911.02590, Algorithm 1.
//   repeat: N steps on w with dL_T/dw;  one step on lambda with the hypergradient at the w reached (implicit_gradient.h)
// Both optimizers are any of the registry's; their states live on.
#pragma once

#include "optim/bilevel/implicit_gradient.h"
#include "optim/optimizer.h"

namespace gradus {

class HyperTraining {
 public:
  /// `inner` and `outer`: "sgd:lr=0.1,momentum=0.9". The parameters are trained in place. Batches may be changed between steps
  /// by what the losses capture. Throws as make_optimizer, and UsageError for an optimizer that needs more than gradients.
  HyperTraining(TwoLevelLoss train, TwoLevelLoss val, Parameters w, Parameters lambda,
                const std::string& inner, const std::string& outer, const ImplicitOptions& options);

  /// One step on w. Returns L_T before it.
  double inner_step();
  /// One step on lambda: what it went by, at the values before it.
  Hypergradient outer_step();

 private:
  TwoLevelLoss train_, val_;
  Parameters w_, lambda_;
  ImplicitOptions options_;
  OptimizerPtr inner_, outer_;
};

}  // namespace gradus
