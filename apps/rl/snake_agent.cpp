#include "apps/rl/snake_agent.h"

#include <cmath>

#include "autograd/ops/elementwise.h"
#include "autograd/ops/matmul.h"
#include "autograd/ops/nn_ops.h"
#include "autograd/ops/shape_ops.h"
#include "nn/alignment/actor_critic.h"
#include "nn/alignment/advantages.h"

namespace gradus {

Tensors snake_network(const Snake& board, int64 hidden, Rng rng) {
  const int64 in = Snake::kPlanes * board.rows() * board.cols();
  const auto weight = [&](int64 to, int64 from, double gain) {
    return rng.normal_tensor({to, from}, 0, static_cast<real>(gain / std::sqrt(static_cast<double>(from))));
  };
  const Tensor torso = weight(hidden, in, 2), policy = weight(Snake::kActions, hidden, 0.1),
               value = weight(1, hidden, 0.1);
  return {torso, Tensor::zeros({hidden}), policy, Tensor::zeros({Snake::kActions}),
          value, Tensor::zeros({1})};
}

ActorCriticOutput snake_forward(std::span<const Tensor> theta, const Tensor& observations) {
  const Tensor h = tanh(linear(observations, theta[0], theta[1]));
  return {linear(h, theta[2], theta[3]), flatten(linear(h, theta[4], theta[5]), 0)};
}

SnakeGames::SnakeGames(int64 games, int64 rows, int64 cols, int64 step_limit, const Rng& rng)
    : rows_(rows), cols_(cols), limit_(step_limit), rng_(rng), scores_(static_cast<size_t>(games), 0) {
  for (int64 i = 0; i < games; ++i) games_.push_back(fresh());
}

Snake SnakeGames::fresh() { return Snake::random(rows_, cols_, limit_, rng_.fork("game").fork(started_++)); }

Rollout SnakeGames::play(std::span<const Tensor> theta, int64 steps) {
  const Recording off(false);
  const int64 count = std::ssize(games_), width = Snake::kPlanes * rows_ * cols_;
  Tensors plain;
  for (const Tensor& t : theta) plain.push_back(stop_gradient(t));
  Rollout out{Tensor({(steps + 1) * count, width}), IntTensor({steps * count}), Tensor({steps, count}),
              Tensor({steps, count})};
  real *observed = out.observations.mutable_data(), *rewards = out.rewards.mutable_data(),
       *dones = out.dones.mutable_data();
  int64* actions = out.actions.mutable_data();
  for (int64 t = 0; t <= steps; ++t) {
    for (int64 i = 0; i < count; ++i)
      games_[static_cast<size_t>(i)].observe(
          {observed + (t * count + i) * width, static_cast<size_t>(width)});
    if (t == steps) break;
    const Tensor pi = softmax(snake_forward(plain, out.observations.rows(t * count, (t + 1) * count)).logits);
    for (int64 i = 0; i < count; ++i) {
      const real* p = pi.data() + i * Snake::kActions;
      double left = rng_.uniform();
      int64 a = 0;
      while (a + 1 < Snake::kActions && (left -= static_cast<double>(p[a])) >= 0) ++a;
      const size_t game = static_cast<size_t>(i);
      const int64 at = t * count + i;
      actions[at] = a;
      const double reward = games_[game].step(a);
      rewards[at] = static_cast<real>(reward);
      dones[at] = games_[game].done();
      scores_[game] += reward;
      if (!games_[game].done()) continue;
      ended_total_ += scores_[game], ++ended_;
      scores_[game] = 0;
      games_[game] = fresh();
    }
  }
  return out;
}

double SnakeGames::take_mean_score() {
  double mean = 0;
  for (const double s : scores_) mean += s / static_cast<double>(scores_.size());
  if (ended_) mean = ended_total_ / static_cast<double>(ended_);
  ended_total_ = 0, ended_ = 0;
  return mean;
}

Tensor rollout_loss(std::span<const Tensor> theta, const Rollout& rollout, const LossWeights& w) {
  const int64 steps = rollout.rewards.dim(0), count = rollout.rewards.dim(1), n = steps * count;
  const ActorCriticOutput at = snake_forward(theta, rollout.observations);
  const Tensor returns =
      lambda_returns(rollout.rewards, rollout.dones, reshape(stop_gradient(at.values), {steps + 1, count}),
                     w.gamma, w.lambda);
  return actor_critic_loss(slice(at.logits, 0, 0, n), slice(at.values, 0, 0, n), rollout.actions,
                           flatten(returns, 0), w.value_coef, w.entropy_coef);
}

}  // namespace gradus
