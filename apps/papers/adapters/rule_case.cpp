#include "apps/papers/adapters/rule_case.h"

#include "core/error.h"
#include "optim/registry.h"

namespace gradus {

std::string RuleCase::spec() const {
  if (optimizer == "sgd") return fmt::format("sgd:lr={},weight_decay={},decoupled=true", lr, weight_decay);
  return fmt::format("adamw:lr={},beta1={},beta2={},eps={},weight_decay={}", lr, beta1, beta2, eps,
                     weight_decay);
}

RuleSteps::RuleSteps(const std::string& optim, const std::vector<Tensor>& start) {
  for (const Tensor& t : start) {
    parameters_.push_back(
        make_parameter(fmt::format("p{}", parameters_.size()), ParamKind::kWeight, t.clone()));
    values_.push_back(parameters_.back()->value);
  }
  optimizer_ = make_optimizer(optim, parameters_);
}

void RuleSteps::step(const std::vector<Tensor>& grads, double lr_scale) {
  for (size_t i = 0; i < parameters_.size(); ++i) parameters_[i]->grad = grads[i];
  optimizer_->step(lr_scale);
}

double RuleSteps::step(const Function& loss, double lr_scale) {
  const ValueAndGrad at = value_and_grad(loss, values_);
  step(at.grads, lr_scale);
  return static_cast<double>(at.value.item());
}

Tensor losses_of_steps(RuleSteps& rule, int64 steps, const Function& loss) {
  std::vector<double> losses;
  for (int64 k = 0; k < steps; ++k) losses.push_back(rule.step(loss));
  return tensor_of(losses);
}

void set_layer_gradients(const CaseValues& in, CaseValues& out, const std::vector<std::string>& names,
                         const Function& f) {
  std::vector<Tensor> xs;
  for (const std::string& name : names) xs.push_back(in.tensor(name));
  const Vjp at = vjp(f, xs, in.tensor("grad_y"), {.allow_unused = true});
  out.set("y", at.value.detach());
  for (size_t i = 0; i < names.size(); ++i) out.set("grad_" + names[i], at.grads[i]);
}

IntTensor integers_of(const std::vector<int64>& values) {
  return IntTensor::from({static_cast<int64>(values.size())}, values);
}

}  // namespace gradus
