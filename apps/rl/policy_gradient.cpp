#include "apps/rl/policy_gradient.h"

#include "autograd/ops/elementwise.h"
#include "autograd/ops/reduce.h"
#include "autograd/ops/shape_ops.h"
#include "core/error.h"
#include "nn/alignment/actor_critic.h"
#include "nn/alignment/advantages.h"
#include "optim/registry.h"

namespace gradus {
namespace {

Tensor number_of(double x) { return Tensor::scalar(static_cast<real>(x)); }

// The values to subtract: V, the mean of the returns, zeros.
Tensor baseline_of(const std::string& name, const Tensor& values, const Tensor& returns) {
  if (name == "value") return values;
  if (name == "mean") return broadcast_to(mean(returns), returns.shape());
  if (name == "none") return Tensor::zeros(returns.shape());
  throw UsageError(unknown_name("baseline", name, {"value", "mean", "none"}));
}

Tensor policy_loss(std::span<const Tensor> theta, const Rollout& rollout, const PolicyGradientOptions& o) {
  const int64 steps = rollout.rewards.dim(0), count = rollout.rewards.dim(1), n = steps * count;
  const ActorCriticOutput at = actor_critic_forward(theta, rollout.observations);
  const Tensor returns = flatten(
      lambda_returns(rollout.rewards, rollout.dones, reshape(stop_gradient(at.values), {steps + 1, count}),
                     number_of(o.gamma), number_of(o.lambda)),
      0);
  const Tensor logits = slice(at.logits, 0, 0, n), values = slice(at.values, 0, 0, n);
  const Tensor baseline = stop_gradient(baseline_of(o.baseline, values, returns));
  // The loss subtracts its own values, without a gradient: the baseline takes their place, the critic's loss is added here.
  return actor_critic_loss(logits, baseline, rollout.actions, returns, number_of(0),
                           number_of(o.entropy_coef)) +
         mean(square(returns - values)) * static_cast<real>(o.value_coef / 2);
}

}  // namespace

Tensors train_policy(const PolicyGradientOptions& o,
                     const std::function<bool(int64 update, double mean_return)>& after) {
  const Rng rng = Rng(static_cast<std::uint64_t>(o.seed)).fork("policy gradient");
  Episodes episodes(o.episodes, o.environment, rng.fork("episodes"));
  Parameters theta;
  for (const Tensor& t : actor_critic_network(episodes.front(), o.hidden, rng.fork("network")))
    theta.push_back(make_parameter(fmt::format("p{}", theta.size()), ParamKind::kWeight, t));
  const OptimizerPtr optimizer = make_optimizer(o.optim, theta);
  const auto values = [&] {
    Tensors now;
    for (const ParameterPtr& p : theta) now.push_back(p->value);
    return now;
  };
  for (int64 t = 0; t < o.updates; ++t) {
    const Rollout rollout = episodes.play(values(), o.steps);
    const ValueAndGrad at =
        value_and_grad([&](std::span<const Tensor> x) { return policy_loss(x, rollout, o); }, values());
    for (size_t i = 0; i < theta.size(); ++i) theta[i]->grad = at.grads[i];
    optimizer->step(1, static_cast<double>(at.value.item()));
    if (after && !after(t, episodes.take_mean_return())) break;
  }
  Tensors trained;
  for (const Tensor& t : values()) trained.push_back(stop_gradient(t));
  return trained;
}

}  // namespace gradus
