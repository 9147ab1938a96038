// The network of "Hard ASH" (arXiv 2404.17651) in training: standardised first layer, sparse activation, plain second layer, no biases;
// cross-entropy over all classes, whatever the task.
#pragma once

#include "apps/continual/features.h"
#include "nn/layers/sparse_activation.h"
#include "optim/methods/clipped_update.h"

namespace gradus {

class SparsePerceptron {
 public:
  /// weight1 (m,n) raw, weight2 (K,m).
  SparsePerceptron(const Tensor& weight1, const Tensor& weight2, const SparseActivationOptions& activation,
                   const ClippedUpdateOptions& update);
  struct Step {
    double loss = 0, active_fraction = 0;  ///< before the step; share of units that are not 0
  };
  Step step(const LabelledRows& batch);
  Tensor logits(const Tensor& x) const;
  const Tensor& weight1() const { return update_.params()[0]; }
  const Tensor& weight2() const { return update_.params()[1]; }
  void state(const StateArchive& archive) { update_.state(archive); }

 private:
  SparseActivationOptions activation_;
  ClippedUpdate update_;
};

}  // namespace gradus
