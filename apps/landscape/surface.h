// The loss of a trained model over fixed examples as a function of its weights: what a landscape is measured on.
#pragma once

#include <memory>
#include <vector>

#include "apps/train/task.h"
#include "autograd/functional/hutchinson.h"
#include "nn/model.h"
#include "nn/sharpness/sharpness.h"

namespace gradus {

/// In evaluation mode: running statistics as they are, no dropout. The model is not changed and must outlive this.
class Surface {
 public:
  /// The first `limit` examples of the set (0: all), in batches. Throws NumericError where an output is not finite.
  Surface(Model& model, const DatasetPtr& data, int64 limit, int64 batch_size);

  /// Of all parameters, in their order.
  const Tensors& weights() const { return weights_; }
  const Parameters& parameters() const { return parameters_; }
  int64 examples() const { return examples_; }
  /// Mean loss over the examples at these weights.
  double loss(std::span<const Tensor> w) const;
  /// Hessian of that mean at the model's weights, times v.
  Tensors hessian_times(std::span<const Tensor> v) const;
  /// The examples in batches of at most `size`, for sharpness; none reaches over two of the batches given before.
  std::vector<BatchFunction> batches_of(int64 size) const;

 private:
  Model& model_;
  Parameters parameters_;
  Tensors weights_;
  std::vector<Batch> batches_;
  int64 examples_ = 0;
};

}  // namespace gradus
