#include "apps/backprop_free/boosting.h"

#include <algorithm>
#include <cmath>

#include "autograd/functional/functional.h"
#include "autograd/ops/shape_ops.h"
#include "core/error.h"
#include "optim/objective.h"
#include "optim/registry.h"

namespace gradus {
namespace {

// A function of all parameters together, as an objective.
class FunctionObjective final : public Objective {
 public:
  FunctionObjective(const Parameters& parameters, Function f) : parameters_(parameters), f_(std::move(f)) {}
  const Parameters& parameters() const override { return parameters_; }
  Needs offers() const override { return {.loss = true, .re_evaluation = true}; }
  double loss() override {
    const Recording off(false);
    return static_cast<double>(f_(values()).item());
  }
  double gradient() override {
    const ValueAndGrad at = value_and_grad(f_, values());
    for (size_t i = 0; i < parameters_.size(); ++i) parameters_[i]->grad = at.grads[i];
    return static_cast<double>(at.value.item());
  }

 private:
  std::vector<Tensor> values() const {
    std::vector<Tensor> all;
    for (const ParameterPtr& p : parameters_) all.push_back(p->value);
    return all;
  }
  const Parameters& parameters_;
  Function f_;
};

// scikit-learn's bounds: sqrt(2/(fan_in + fan_out)) for logistic units, sqrt(6/...) for others, biases too.
Tensor glorot(const Shape& shape, int64 in, int64 out, const std::string& activation, Rng rng) {
  const double factor = activation == "sigmoid" ? 2 : 6;
  const real bound = static_cast<real>(std::sqrt(factor / static_cast<double>(in + out)));
  return rng.uniform_tensor(shape, -bound, bound);
}

}  // namespace

BoostedBlock fit_block(const Tensor& x, const Tensor& residuals, const BoostingOptions& o, const Rng& rng) {
  const int64 d = x.dim(1), units = o.units, outputs = residuals.dim(1);
  const Activation& act = activation(o.activation);
  Parameters parameters;
  const auto add = [&](const char* name, ParamKind kind, const Shape& shape, int64 in, int64 out) {
    parameters.push_back(
        make_parameter(name, kind, glorot(shape, in, out, o.activation, rng.fork(std::string_view(name)))));
  };
  add("hidden.weight", ParamKind::kWeight, {units, d}, d, units);
  add("hidden.bias", ParamKind::kBias, {units}, d, units);
  add("output.weight", ParamKind::kWeight, {outputs, units}, units, outputs);
  add("output.bias", ParamKind::kBias, {outputs}, units, outputs);
  FunctionObjective objective(
      parameters, [&](std::span<const Tensor> w) { return block_objective(w, act, x, residuals, o.alpha); });
  make_optimizer(fmt::format("lbfgs:max_iter={},history_size=10,line_search=strong-wolfe", o.max_iter),
                 parameters)
      ->step(objective, 1);
  std::vector<Tensor> w;
  for (const ParameterPtr& p : parameters) w.push_back(stop_gradient(p->value));
  return {w[0], w[1], w[2], w[3]};
}

BoostedNetwork boost(const Tensor& x, const Tensor& y, const BoostingOptions& o, const Rng& rng,
                     const std::function<bool(const BoostedNetwork&)>& watch) {
  const BoostingLoss loss = boosting_loss(o.loss);
  if (o.total % o.units)
    fail<UsageError>("boosting: total = {} is no multiple of units = {}", o.total, o.units);
  const int64 points = x.dim(0), drawn = static_cast<int64>(o.subsample * static_cast<double>(points));
  if (drawn < 1) fail<UsageError>("boosting: subsample = {} of {} points is none", o.subsample, points);
  const Tensor start = boosting_start(loss, y);
  BoostedNetwork network(loss, activation(o.activation), start);
  // F of all points, in y's shape.
  const Recording off(false);
  Tensor raw = broadcast_to(reshape(start, y.rank() == 2 ? Shape{1, start.numel()} : Shape{1}), y.shape());
  for (int64 t = 0; t < o.total / o.units; ++t) {
    const Rng own = rng.fork(static_cast<std::uint64_t>(t));
    const Tensor residuals = boosting_residuals(loss, y, raw).view({points, start.numel()});
    Tensor fitted_x = x, fitted_r = residuals;
    if (drawn < points) {
      std::vector<int64> order = own.fork("points").permutation(points);
      order.resize(static_cast<size_t>(drawn));
      std::sort(order.begin(), order.end());
      const IntTensor rows = IntTensor::from({drawn}, order);
      fitted_x = index_select(x, 0, rows);
      fitted_r = index_select(residuals, 0, rows);
    }
    network.add(fit_block(fitted_x, fitted_r, o, own.fork("weights")), x, y, raw, o.eta);
    if (watch && !watch(network)) break;
  }
  return network;
}

}  // namespace gradus
