#include "optim/bilevel/hyper_training.h"

#include "optim/registry.h"

namespace gradus {
namespace {

Tensors values_of(const Parameters& parameters) {
  Tensors values;
  for (const ParameterPtr& p : parameters) values.push_back(p->value);
  return values;
}

void step_with(Optimizer& optimizer, const Parameters& parameters, const Tensors& grads, double loss) {
  for (size_t i = 0; i < parameters.size(); ++i) parameters[i]->grad = grads[i];
  optimizer.step(1, loss);
}

}  // namespace

HyperTraining::HyperTraining(TwoLevelLoss train, TwoLevelLoss val, Parameters w, Parameters lambda,
                             const std::string& inner, const std::string& outer,
                             const ImplicitOptions& options)
    : train_(std::move(train)),
      val_(std::move(val)),
      w_(std::move(w)),
      lambda_(std::move(lambda)),
      options_(options),
      inner_(make_optimizer(inner, w_)),
      outer_(make_optimizer(outer, lambda_)) {}

double HyperTraining::inner_step() {
  const Tensors lambda = values_of(lambda_);
  Tensors fixed;
  for (const Tensor& x : lambda) fixed.push_back(stop_gradient(x));
  const ValueAndGrad at = value_and_grad([&](std::span<const Tensor> w) { return train_(w, fixed); },
                                         values_of(w_), {.allow_unused = true});
  const double loss = static_cast<double>(at.value.item());
  step_with(*inner_, w_, at.grads, loss);
  return loss;
}

Hypergradient HyperTraining::outer_step() {
  Hypergradient at = implicit_hypergradient(train_, val_, values_of(w_), values_of(lambda_), options_);
  step_with(*outer_, lambda_, at.grads, at.val_loss);
  return at;
}

}  // namespace gradus
