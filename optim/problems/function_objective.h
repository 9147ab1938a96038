// The objective of a plain function of tensors: loss, gradient and Hessian products by autograd, the same at every step.
#pragma once

#include <utility>

#include "autograd/functional/functional.h"
#include "optim/objective.h"

namespace gradus {

/// f of the values of `parameters` in their order; none may be frozen. Both have to outlive it.
class FunctionObjective final : public Objective {
 public:
  FunctionObjective(const Parameters& parameters, const Function& f) : parameters_(parameters), f_(f) {}
  const Parameters& parameters() const override { return parameters_; }
  Needs offers() const override { return {.loss = true, .re_evaluation = true, .hvp = true}; }
  double loss() override { return static_cast<double>(f_(values()).item()); }
  double gradient() override {
    ValueAndGrad at = value_and_grad(f_, values());
    for (size_t i = 0; i < parameters_.size(); ++i) parameters_[i]->grad = std::move(at.grads[i]);
    return static_cast<double>(at.value.item());
  }
  std::vector<Tensor> hvp(std::span<const Tensor> v) override {
    return gradus::hvp(f_, values(), v).products;
  }

 private:
  std::vector<Tensor> values() const {
    std::vector<Tensor> all;
    for (const ParameterPtr& p : parameters_) all.push_back(p->value.detach());
    return all;
  }
  const Parameters& parameters_;
  const Function& f_;
};

}  // namespace gradus
