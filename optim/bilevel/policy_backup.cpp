#include "optim/bilevel/policy_backup.h"

#include "autograd/functional/flat.h"
#include "autograd/ops/elementwise.h"
#include "autograd/ops/reduce.h"
#include "autograd/ops/shape_ops.h"
#include "core/error.h"
#include "optim/registry.h"

namespace gradus {
namespace {

Tensor alive_at(const ControlProblem& problem, const Tensor& x) {
  return problem.alive ? stop_gradient(problem.alive(x)) : Tensor::ones({x.dim(0)});
}

}  // namespace

Tensor backup_objective(const ControlProblem& problem, std::span<const Tensor> theta,
                        std::span<const Tensor> phi, const Tensor& states, const BackupOptions& options) {
  if (options.horizon < 0) fail<UsageError>("backup_objective: horizon {}", options.horizon);
  Tensor x = states, alive = Tensor::ones({states.dim(0)}), total = Tensor::zeros({states.dim(0)});
  double discount = 1;
  for (int64 h = 0; h < options.horizon; ++h) {
    const Tensor u = problem.policy(theta, x);
    total = total + alive * problem.reward(x, u) * static_cast<real>(discount);
    x = problem.model(x, u);
    alive = alive * alive_at(problem, x);
    discount *= options.gamma;
  }
  return mean(total + alive * problem.value(phi, x) * static_cast<real>(discount));
}

Tensor protection_penalty(const ControlProblem& problem, std::span<const Tensor> theta, const Tensor& states,
                          const Tensor& actions) {
  const Tensor u = problem.policy(theta, states);
  if (!(u.shape() == actions.shape()))
    fail<ShapeError>("protection_penalty: actions {} for a policy's {}", actions.shape().str(),
                     u.shape().str());
  return sum(square(u - actions)) * static_cast<real>(1.0 / static_cast<double>(states.dim(0)));
}

PolicyEvaluation::PolicyEvaluation(ControlProblem problem, Parameters phi, const std::string& optimizer,
                                   double gamma, double tau)
    : problem_(std::move(problem)),
      phi_(std::move(phi)),
      optimizer_(make_optimizer(optimizer, phi_)),
      gamma_(gamma),
      tau_(tau) {
  for (const ParameterPtr& p : phi_) copy_.push_back(stop_gradient(p->value).clone());
}

double PolicyEvaluation::step(std::span<const Tensor> theta, const Tensor& states) {
  Tensor target;
  {
    const Recording off(false);
    Tensors plain;
    for (const Tensor& t : theta) plain.push_back(stop_gradient(t));
    const Tensor u = problem_.policy(plain, states), next = problem_.model(states, u);
    target =
        stop_gradient(problem_.reward(states, u) +
                      alive_at(problem_, next) * problem_.value(copy_, next) * static_cast<real>(gamma_));
  }
  Tensors values;
  for (const ParameterPtr& p : phi_) values.push_back(p->value);
  const ValueAndGrad at = value_and_grad(
      [&](std::span<const Tensor> phi) { return mean(square(problem_.value(phi, states) - target)); }, values,
      {.allow_unused = true});
  for (size_t i = 0; i < phi_.size(); ++i) phi_[i]->grad = at.grads[i];
  const double loss = static_cast<double>(at.value.item());
  optimizer_->step(1, loss);
  for (size_t i = 0; i < phi_.size(); ++i) {
    real* slow = copy_[i].mutable_data();
    const real* now = phi_[i]->value.data();
    const real tau = static_cast<real>(tau_);
    for (int64 j = 0; j < copy_[i].numel(); ++j) slow[j] = (1 - tau) * slow[j] + tau * now[j];
  }
  return loss;
}

AdaptivePolicy::AdaptivePolicy(const ControlProblem& problem, Parameters theta, Parameters phi,
                               const AdaptiveOptions& options)
    : problem_(problem),
      theta_(std::move(theta)),
      options_(options),
      evaluation_(problem, std::move(phi), options.value, options.gamma, options.tau),
      optimizer_(make_optimizer(options.policy, theta_)) {}

Tensors AdaptivePolicy::policy() const {
  Tensors values;
  for (const ParameterPtr& p : theta_) values.push_back(p->value);
  return values;
}

double AdaptivePolicy::evaluate(const Tensor& states) { return evaluation_.step(policy(), states); }

double AdaptivePolicy::improve(const Tensor& states) {
  const ValueAndGrad at = value_and_grad(
      [&](std::span<const Tensor> theta) {
        return -backup_objective(problem_, theta, evaluation_.copy(), states,
                                 {options_.gamma, options_.horizon});
      },
      policy(), {.allow_unused = true});
  for (size_t i = 0; i < theta_.size(); ++i) theta_[i]->grad = at.grads[i];
  optimizer_->step(1, static_cast<double>(at.value.item()));
  return inner(at.grads, at.grads);
}

double AdaptivePolicy::objective(const Tensor& states) const {
  const Recording off(false);
  return static_cast<double>(
      backup_objective(problem_, policy(), evaluation_.copy(), states, {options_.gamma, options_.horizon})
          .item());
}

ControlProblem ScalarRegulator::problem() const {
  const auto number = [](double v) { return static_cast<real>(v); };
  const ScalarRegulator s = *this;
  return {.policy = [](std::span<const Tensor> theta, const Tensor& x) { return -(theta[0] * x); },
          .value = [](std::span<const Tensor> phi,
                      const Tensor& x) { return -(phi[0] * reshape(square(x), {-1})); },
          .model = [=](const Tensor& x, const Tensor& u) { return x * number(s.a) + u * number(s.b); },
          .reward =
              [=](const Tensor& x, const Tensor& u) {
                return -reshape(square(x) * number(s.q) + square(u) * number(s.r), {-1});
              }};
}

}  // namespace gradus
