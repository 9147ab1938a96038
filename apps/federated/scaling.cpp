#include "apps/federated/scaling.h"

#include <cmath>
#include <utility>

#include "apps/federated/local_training.h"
#include "autograd/functional/flat.h"
#include "core/error.h"
#include "optim/elements.h"

namespace gradus {
namespace {

std::vector<Tensor> scaled_values(const Parameters& parameters) {
  std::vector<Tensor> values;
  for (const ParameterPtr& p : parameters)
    if (!p->frozen) values.push_back(p->value);
  return values;
}

}  // namespace

void check_scaling(const ScaledClientOptions& o) {
  if (o.h_source == "last" && o.by_hessian())
    fail<UsageError>(
        "local scaling {}: it is made of Hessian products, which the last local steps do not have (h_source "
        "batch)",
        o.scaling);
}

Tensor flat_gradient(const Parameters& parameters, Objective& batch) {
  const double loss = batch.gradient();
  std::vector<Tensor> grads;
  for (const ParameterPtr& p : parameters) {
    if (!p->frozen) grads.push_back(p->grad.defined() ? p->grad : Tensor::zeros(p->value.shape()));
    p->grad = Tensor();
  }
  Tensor g = flatten_all(grads);
  if (!std::isfinite(loss) || !all_finite(g))
    fail<NumericError>("local scaling: loss or gradient is not finite");
  return g;
}

Tensor flat_hessian_product(const Parameters& parameters, Objective& batch, const Tensor& u) {
  const std::vector<Tensor> parts = unflatten(u, scaled_values(parameters));
  std::vector<Tensor> whole;
  size_t next = 0;
  for (const ParameterPtr& p : parameters)
    whole.push_back(p->frozen ? Tensor::zeros(p->value.shape()) : parts[next++]);
  const std::vector<Tensor> products = batch.hvp(whole);
  std::vector<Tensor> trained;
  for (size_t i = 0; i < parameters.size(); ++i)
    if (!parameters[i]->frozen) trained.push_back(products[i]);
  return flatten_all(trained);
}

LocalReport scaled_local_steps(const Parameters& parameters, LocalBatches& batches, const Tensor& divisor,
                               double lr, double momentum) {
  std::vector<Tensor> values = scaled_values(parameters);
  Tensor x = flatten_all(values).clone(), buf = Tensor::zeros(x.shape());
  const Tensor by = divisor.defined() ? divisor : Tensor::ones(x.shape());
  LocalReport report;
  while (Objective* batch = batches.next()) {
    report.last_gradient = flat_gradient(parameters, *batch);
    for_each_element(
        x, std::as_const(report.last_gradient), buf, by,
        [rate = static_cast<real>(lr), mu = static_cast<real>(momentum)](real& w, real g, real& m, real d) {
          m = mu * m + (1 - mu) * g;
          w -= rate * m / d;
        });
    const std::vector<Tensor> parts = unflatten(x, values);
    for (size_t i = 0; i < values.size(); ++i) values[i].copy_from(parts[i]);
    ++report.steps;
  }
  return report;
}

}  // namespace gradus
