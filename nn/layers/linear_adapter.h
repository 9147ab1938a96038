// What may stand beside a linear layer whose own weight no longer moves: see nn/adapters/.
#pragma once

#include "nn/module.h"

namespace gradus {

class LinearAdapter : public Module {
 public:
  /// What the layer gives for x (..., in) with this adapter; weight (out,in), bias (out) or undefined.
  virtual Tensor output(const Tensor& x, const Tensor& weight, const Tensor& bias) = 0;
  /// The weight by which a plain layer computes the same (evaluation mode).
  virtual Tensor merged_weight(const Tensor& weight) = 0;
  /// Told the weight it stands beside once, behind the first values.
  virtual void starts_from(const Tensor& weight) { static_cast<void>(weight); }
  /// An adapter is called through its layer: throws UsageError.
  Tensor forward(const Input& x) override;

  bool active = true;  ///< off: the layer is plain (its weight is merged, or the base is asked for)

  /// Writes the merged weight over the layer's, and switches the adapter off; and back: the weight is that before, bit for
  /// bit.
  void merge(Tensor weight);
  void unmerge(Tensor weight);

 private:
  Tensor kept_;  // of the weight, while it is merged
};

}  // namespace gradus
