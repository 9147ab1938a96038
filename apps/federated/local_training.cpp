#include "apps/federated/local_training.h"

#include <cmath>

#include "core/error.h"
#include "optim/registry.h"

namespace gradus {

OptimizerTraining::OptimizerTraining(const std::string& optimizer, const Parameters& parameters) {
  const OptimizerPtr made = make_optimizer(optimizer, parameters);
  if (made->needs().second_batch)
    fail<UsageError>("client optimizer {}: it needs a second independent batch, which clients do not draw",
                     made->name());
  spec_ = made->spec();
}

int64 OptimizerTraining::train(const Parameters& parameters, LocalBatches& batches,
                               const Broadcast& broadcast) const {
  const OptimizerPtr optimizer = make_optimizer(spec_, parameters);
  int64 steps = 0;
  while (Objective* batch = batches.next()) {
    const double loss = optimizer->step(*batch, broadcast.lr_scale);
    if (!std::isfinite(loss)) fail<NumericError>("the loss is {}", loss);
    for (const auto& p : parameters) p->grad = Tensor();
    ++steps;
  }
  optimizer->use_evaluation_weights(true);
  return steps;
}

}  // namespace gradus
