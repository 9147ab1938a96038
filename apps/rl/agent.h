// An actor-critic that plays several episodes of an environment side by side.
//   h = tanh(x W1' + b1), logits = h Wp' + bp, values = h Wv' + bv;  x: the observation
// An episode that is over starts anew; the step that ended it is marked done, so that no return looks beyond it.
#pragma once

#include <vector>

#include "autograd/functional/functional.h"
#include "core/rng.h"
#include "data/environments/environment.h"

namespace gradus {

/// E rollouts of T steps.
struct Rollout {
  Tensor observations;    ///< ((T+1)*E, features), step by step
  IntTensor actions;      ///< (T*E)
  Tensor rewards, dones;  ///< (T,E)
};

/// W1, b1, Wp, bp, Wv, bv with `hidden` units.
Tensors actor_critic_network(const Environment& environment, int64 hidden, Rng rng);

struct ActorCriticOutput {
  Tensor logits;  ///< (N, actions)
  Tensor values;  ///< (N)
};
ActorCriticOutput actor_critic_forward(std::span<const Tensor> theta, const Tensor& observations);

/// Copies go on independently from the same episodes.
class Episodes {
 public:
  /// `count` episodes of make_environment(spec).
  Episodes(int64 count, const std::string& spec, const Rng& rng);
  Episodes(const Episodes& other);
  Episodes& operator=(const Episodes&) = delete;

  /// `steps` steps with actions drawn from the policy.
  Rollout play(std::span<const Tensor> theta, int64 steps);
  /// From now on actions and new episodes are drawn by this generator.
  void reseed(const Rng& rng) { rng_ = rng; }
  /// Mean sum of rewards of the episodes that ended since the last call; of those running if none did.
  double take_mean_return();
  const Environment& front() const { return *running_.front(); }

 private:
  std::string spec_;
  Rng rng_;
  std::uint64_t started_ = 0;
  std::vector<EnvironmentPtr> running_;
  std::vector<double> returns_;
  double ended_total_ = 0;
  int64 ended_ = 0;

  EnvironmentPtr fresh();
};

struct LossWeights {
  Tensor gamma, lambda, value_coef, entropy_coef;  ///< of one element each
};
/// actor_critic_loss on a rollout, with lambda-returns of detached values.
Tensor rollout_loss(std::span<const Tensor> theta, const Rollout& rollout, const LossWeights& weights);

}  // namespace gradus
