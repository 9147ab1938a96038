#include "apps/rl/agent.h"

#include <cmath>

#include "autograd/ops/elementwise.h"
#include "autograd/ops/matmul.h"
#include "autograd/ops/nn_ops.h"
#include "autograd/ops/shape_ops.h"
#include "nn/alignment/actor_critic.h"
#include "nn/alignment/advantages.h"

namespace gradus {

Tensors actor_critic_network(const Environment& environment, int64 hidden, Rng rng) {
  const auto weight = [&](int64 to, int64 from, double gain) {
    return rng.normal_tensor({to, from}, 0, static_cast<real>(gain / std::sqrt(static_cast<double>(from))));
  };
  const Tensor torso = weight(hidden, environment.observation_size(), 2),
               policy = weight(environment.actions(), hidden, 0.1), value = weight(1, hidden, 0.1);
  return {torso, Tensor::zeros({hidden}), policy, Tensor::zeros({environment.actions()}),
          value, Tensor::zeros({1})};
}

ActorCriticOutput actor_critic_forward(std::span<const Tensor> theta, const Tensor& observations) {
  const Tensor h = tanh(linear(observations, theta[0], theta[1]));
  return {linear(h, theta[2], theta[3]), flatten(linear(h, theta[4], theta[5]), 0)};
}

Episodes::Episodes(int64 count, const std::string& spec, const Rng& rng)
    : spec_(spec), rng_(rng), returns_(static_cast<size_t>(count), 0) {
  for (int64 i = 0; i < count; ++i) running_.push_back(fresh());
}

Episodes::Episodes(const Episodes& other)
    : spec_(other.spec_),
      rng_(other.rng_),
      started_(other.started_),
      returns_(other.returns_),
      ended_total_(other.ended_total_),
      ended_(other.ended_) {
  for (const EnvironmentPtr& e : other.running_) running_.push_back(e->clone());
}

EnvironmentPtr Episodes::fresh() { return make_environment(spec_, rng_.fork("episode").fork(started_++)); }

Rollout Episodes::play(std::span<const Tensor> theta, int64 steps) {
  const Recording off(false);
  const int64 count = std::ssize(running_), width = front().observation_size(), choices = front().actions();
  Tensors plain;
  for (const Tensor& t : theta) plain.push_back(stop_gradient(t));
  Rollout out{Tensor({(steps + 1) * count, width}), IntTensor({steps * count}), Tensor({steps, count}),
              Tensor({steps, count})};
  real *observed = out.observations.mutable_data(), *rewards = out.rewards.mutable_data(),
       *dones = out.dones.mutable_data();
  int64* actions = out.actions.mutable_data();
  for (int64 t = 0; t <= steps; ++t) {
    for (int64 i = 0; i < count; ++i)
      running_[static_cast<size_t>(i)]->observe(
          {observed + (t * count + i) * width, static_cast<size_t>(width)});
    if (t == steps) break;
    const Tensor pi =
        softmax(actor_critic_forward(plain, out.observations.rows(t * count, (t + 1) * count)).logits);
    for (int64 i = 0; i < count; ++i) {
      const real* p = pi.data() + i * choices;
      double left = rng_.uniform();
      int64 a = 0;
      while (a + 1 < choices && (left -= static_cast<double>(p[a])) >= 0) ++a;
      EnvironmentPtr& world = running_[static_cast<size_t>(i)];
      double& total = returns_[static_cast<size_t>(i)];
      const int64 at = t * count + i;
      actions[at] = a;
      const double reward = world->step(a);
      rewards[at] = static_cast<real>(reward);
      dones[at] = world->done() ? real(1) : real(0);
      total += reward;
      if (!world->done()) continue;
      ended_total_ += total, ++ended_;
      total = 0;
      world = fresh();
    }
  }
  return out;
}

double Episodes::take_mean_return() {
  double mean = 0;
  for (const double s : returns_) mean += s / static_cast<double>(returns_.size());
  if (ended_) mean = ended_total_ / static_cast<double>(ended_);
  ended_total_ = 0, ended_ = 0;
  return mean;
}

Tensor rollout_loss(std::span<const Tensor> theta, const Rollout& rollout, const LossWeights& w) {
  const int64 steps = rollout.rewards.dim(0), count = rollout.rewards.dim(1), n = steps * count;
  const ActorCriticOutput at = actor_critic_forward(theta, rollout.observations);
  const Tensor returns =
      lambda_returns(rollout.rewards, rollout.dones, reshape(stop_gradient(at.values), {steps + 1, count}),
                     w.gamma, w.lambda);
  return actor_critic_loss(slice(at.logits, 0, 0, n), slice(at.values, 0, 0, n), rollout.actions,
                           flatten(returns, 0), w.value_coef, w.entropy_coef);
}

}  // namespace gradus
