// --gradient forward.
#include "apps/train/gradients/gradient_method.h"
#include "autograd/functional/functional.h"
#include "autograd/ops/elementwise.h"
#include "nn/local/layer_taps.h"
#include "nn/modes.h"
#include "optim/estimators/forward_gradient.h"
#include "optim/estimators/likelihood_ratio.h"

namespace gradus {
namespace {

struct ForwardMethodOptions : ForwardGradientOptions {
  std::string space = "weight";
  void visit(auto&& f) {
    ForwardGradientOptions::visit(f);
    f("space", space, "what moves along a direction: the weights, or each example's layer outputs",
      choices({"weight", "activation"}));
  }
};

class ForwardMethod final : public GradientMethod {
 public:
  ForwardMethod(const ForwardMethodOptions& o, Model& model, const Rng&) : o_(o) {
    if (o_.space == "activation") taps_ = std::make_unique<LayerTaps>(model);
  }
  std::string cost() const override {
    return fmt::format("{} with tangents{}", o_.samples, taps_ ? ", 1 recorded layer by layer" : "");
  }
  GradientEstimate estimate(const GradientTask& task) override {
    return taps_ ? by_activations(task) : by_weights(task);
  }

 private:
  GradientEstimate by_weights(const GradientTask& task) const {
    std::vector<Tensor> values;
    for (const ParameterPtr& p : task.trained) values.push_back(p->value);
    GradientEstimate out;
    const Function f = [&](std::span<const Tensor> w) {
      std::vector<Tensor> all;  // one for each parameter of the model
      size_t next = 0;
      for (const ParameterPtr& p : task.model.parameters()) all.push_back(p->frozen ? Tensor() : w[next++]);
      const ParameterSwap swap(task.model, all);
      const Tensor output = task.output();
      out.output = stop_gradient(output);
      return task.loss(output);
    };
    std::vector<std::vector<Tensor>> directions;
    for (int64 k = 0; k < o_.samples; ++k)
      directions.push_back(
          draw_direction(values, o_.distribution, task.draws.fork(static_cast<std::uint64_t>(k))));
    ForwardGradient at = forward_gradient(f, values, directions);
    out.loss = at.loss;
    out.grads = std::move(at.grads);
    return out;
  }

  // Every layer's output moves along a direction of its own for each example; the derivative of the example's loss times the
  // direction estimates the loss's gradient in that output, and goes back through the layer alone.
  GradientEstimate by_activations(const GradientTask& task) const {
    GradientEstimate out;
    std::vector<Tensor> cotangents;
    for (int64 k = 0; k < o_.samples; ++k) {
      const Recording off(false);
      const Rng draws = task.draws.fork(static_cast<std::uint64_t>(k));
      std::vector<Tensor> v;
      Tensor slopes;
      {
        const JvpScope scope(Tangents::kUnrecorded);
        const Tensor output = taps_->run(task.output, [&](const LayerTaps::Site& site) {
          const std::vector<Tensor> like{stop_gradient(site.output)};
          v.push_back(draw_direction(like, o_.distribution, draws.fork(site.number))[0]);
          const Tensor before = scope.tangent(site.output);
          return scope.dual(scope.primal(site.output), before + v.back());
        });
        const Tensor losses = task.losses(output);
        slopes = scope.tangent(losses);
        out.output = stop_gradient(scope.primal(output));
      }
      // (K,N) with K = 1: the mean over examples, as of a likelihood ratio with sigma = 1.
      const Tensor l = slopes.view({1, slopes.numel()}) / static_cast<real>(o_.samples);
      for (size_t i = 0; i < v.size(); ++i) {
        std::vector<int64> dims{1};
        dims.insert(dims.end(), v[i].shape().begin(), v[i].shape().end());
        const Tensor g = likelihood_cotangent(l, v[i].view(Shape(dims)), Tensor::ones({1}));
        if (k == 0)
          cotangents.push_back(g);
        else
          cotangents[i] = cotangents[i] + g;
      }
    }
    out.loss = static_cast<double>(task.loss(out.output).item());
    out.grads.resize(task.trained.size());
    taps_->pull_back(
        task.output, [&](const LayerTaps::Site& s) { return cotangents[s.number]; }, cotangents.size(), false,
        task.trained, out.grads);
    return out;
  }

  ForwardMethodOptions o_;
  std::unique_ptr<LayerTaps> taps_;
};

}  // namespace

GradientEntry forward_method() {
  return gradient_entry<ForwardMethodOptions, ForwardMethod>(
      "forward", "the loss's derivative along random directions, times these: forward mode, no tape",
      "optim/estimators/forward_gradient.cpp");
}

}  // namespace gradus
