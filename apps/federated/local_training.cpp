#include "apps/federated/local_training.h"

#include <algorithm>
#include <cmath>
#include <iterator>

#include "autograd/functional/flat.h"
#include "core/error.h"
#include "optim/registry.h"
#include "optim/server/aggregate.h"

namespace gradus {

OptimizerTraining::OptimizerTraining(const std::string& optimizer, const Parameters& parameters) {
  const OptimizerPtr made = make_optimizer(optimizer, parameters);
  if (made->needs().second_batch)
    fail<UsageError>("client optimizer {}: it needs a second independent batch, which clients do not draw",
                     made->name());
  spec_ = made->spec();
}

LocalReport OptimizerTraining::train(const Parameters& parameters, LocalBatches& batches,
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
  return {.steps = steps};
}

namespace {

constexpr const char *kHyperLocal = "fedhyper-cl", *kLocalScaling = "local-scaling";

}  // namespace

LocalReport HyperLocalTraining::train(const Parameters& parameters, LocalBatches& batches,
                                      const Broadcast& broadcast) const {
  std::vector<ParameterPtr> trained;
  std::vector<Tensor> values;
  for (const ParameterPtr& p : parameters)
    if (!p->frozen) trained.push_back(p), values.push_back(p->value);
  HyperLocalRate rate(options_, broadcast.direction, std::max<int64>(1, batches.steps()), broadcast.lr_scale);
  LocalReport report;
  int64 epoch = -1;
  while (Objective* batch = batches.next()) {
    const double loss = batch->gradient();
    if (!std::isfinite(loss)) fail<NumericError>("the loss is {}", loss);
    std::vector<Tensor> grads;
    for (const ParameterPtr& p : trained)
      grads.push_back(p->grad.defined() ? p->grad : Tensor::zeros(p->value.shape()));
    const std::vector<Tensor> steps =
        unflatten(rate.step(flatten_all(grads), batches.epoch() != epoch), values);
    epoch = batches.epoch();
    for (size_t i = 0; i < trained.size(); ++i) {
      Tensor value = trained[i]->value;
      displace(value, steps[i]);
    }
    for (const ParameterPtr& p : parameters) p->grad = Tensor();
    report.factors.push_back(rate.used());
    ++report.steps;
  }
  return report;
}

std::string HyperLocalTraining::spec() const { return Spec{kHyperLocal, "", option_list(options_)}.str(); }

ScaledLocalTraining::ScaledLocalTraining(const ScaledClientOptions& options) : options_(options) {
  check_scaling(options);
}

LocalReport ScaledLocalTraining::train(const Parameters& parameters, LocalBatches& batches,
                                       const Broadcast& broadcast) const {
  return scaled_local_steps(parameters, batches, broadcast.divisor, options_.lr * broadcast.lr_scale,
                            options_.momentum);
}

std::string ScaledLocalTraining::spec() const { return Spec{kLocalScaling, "", option_list(options_)}.str(); }

std::unique_ptr<LocalTraining> make_local_training(const std::string& text, const Parameters& parameters) {
  const Spec spec = parse_spec(text);
  if (spec.name == kLocalScaling) {
    ScaledClientOptions scaled;
    set_options(scaled, spec.options, std::string("client ") + kLocalScaling);
    return std::make_unique<ScaledLocalTraining>(scaled);
  }
  if (spec.name != kHyperLocal) return std::make_unique<OptimizerTraining>(text, parameters);
  HyperLocalOptions options;
  set_options(options, spec.options, std::string("client ") + kHyperLocal);
  return std::make_unique<HyperLocalTraining>(options);
}

}  // namespace gradus
