// An actor-critic that plays several games of Snake side by side.
//   h = tanh(x W1' + b1), logits = h Wp' + bp, values = h Wv' + bv;  x: the planes of the board
// A game that is over starts anew; the step that ended it is marked done, so that no return looks beyond it.
#pragma once

#include <vector>

#include "autograd/functional/functional.h"
#include "core/rng.h"
#include "data/environments/snake.h"

namespace gradus {

/// E rollouts of T steps.
struct Rollout {
  Tensor observations;    ///< ((T+1)*E, features), step by step
  IntTensor actions;      ///< (T*E)
  Tensor rewards, dones;  ///< (T,E)
};

/// W1, b1, Wp, bp, Wv, bv with `hidden` units.
Tensors snake_network(const Snake& board, int64 hidden, Rng rng);

struct ActorCriticOutput {
  Tensor logits;  ///< (N,4)
  Tensor values;  ///< (N)
};
ActorCriticOutput snake_forward(std::span<const Tensor> theta, const Tensor& observations);

/// Copies go on independently from the same games.
class SnakeGames {
 public:
  SnakeGames(int64 games, int64 rows, int64 cols, int64 step_limit, const Rng& rng);

  /// `steps` steps with actions drawn from the policy.
  Rollout play(std::span<const Tensor> theta, int64 steps);
  /// From now on actions and new games are drawn by this generator.
  void reseed(const Rng& rng) { rng_ = rng; }
  /// Mean fruits of the games that ended since the last call; of those running if none did.
  double take_mean_score();
  const Snake& board() const { return games_.front(); }

 private:
  int64 rows_, cols_, limit_;
  Rng rng_;
  std::uint64_t started_ = 0;
  std::vector<Snake> games_;
  std::vector<double> scores_;
  double ended_total_ = 0;
  int64 ended_ = 0;

  Snake fresh();
};

struct LossWeights {
  Tensor gamma, lambda, value_coef, entropy_coef;  ///< of one element each
};
/// actor_critic_loss on a rollout, with lambda-returns of detached values.
Tensor rollout_loss(std::span<const Tensor> theta, const Rollout& rollout, const LossWeights& weights);

}  // namespace gradus
