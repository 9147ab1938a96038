#include "apps/backprop_free/forward_forward_training.h"

#include <cmath>

#include "apps/train/task.h"
#include "autograd/ops/reduce.h"
#include "autograd/ops/shape_ops.h"
#include "core/error.h"
#include "nn/losses.h"
#include "nn/modes.h"
#include "optim/registry.h"

namespace gradus {

ForwardForwardTraining::ForwardForwardTraining(ForwardForwardNet& net, const GoodnessOptions& options,
                                               const std::string& optim)
    : net_(net), options_(options) {
  // (Optimizers refer to their lists of parameters.)
  for (ForwardForwardBlock* block : net.blocks()) parameters_.push_back(block->parameters());
  for (const Parameters& parameters : parameters_) optimizers_.push_back(make_optimizer(optim, parameters));
}

std::vector<double> ForwardForwardTraining::train_batch(const Tensor& x, const IntTensor& labels,
                                                        double lr_scale, int64 only) {
  std::vector<double> losses;
  const ModeScope training(net_, true);
  net_.train_pass(
      x, labels, options_,
      [&](size_t k, double loss) {
        if (!std::isfinite(loss)) fail<NumericError>("the loss of block {} is {}", k + 1, loss);
        losses.push_back(loss);
        GivenGradients given(parameters_[k], loss);
        optimizers_[k]->step(given, lr_scale);
      },
      only);
  return losses;
}

Tensor ForwardForwardTraining::goodness_of(const DatasetPtr& data, int64 batch_size) {
  const ModeScope evaluation(net_, false);
  const Recording off(false);
  const Loader batches(data, {.batch_size = batch_size, .prefetch = 0});
  std::vector<Tensor> parts;
  for (int64 i = 0; i < batches.batches_per_epoch(); ++i)
    parts.push_back(net_.goodness_of(input_of(batches.make({0, i})).values()));
  return concat(parts, 1);
}

double accuracy_of(const Tensor& scores, const IntTensor& labels) {
  const Recording off(false);
  return 1 - static_cast<double>(mean(zero_one_loss(scores, labels)).item());
}

}  // namespace gradus
