// A policy that balances a pole, tuned to an added task: adaptive policy gradient and DDPG.
//
// DDPG: Lillicrap et al., "Continuous Control with Deep Reinforcement Learning", ICLR 2016, arXiv 1509.02971:
//   Q <- one step on mean (Q(x,u) - [r + gamma*(1 - done)*Qbar(x', mubar(x'))])^2,  theta <- one step up mean Q(x, mu_theta(x)),
//   slow copies of both, actions with noise, transitions kept
// Networks: u = 10*tanh of three tanh layers; V = 30 times a tanh network. Reward r1 + w2*r2 (data/environments/cart_pole.h).
#pragma once

#include <functional>
#include <string>

#include "core/rng.h"
#include "data/environments/cart_pole.h"
#include "optim/bilevel/policy_backup.h"

namespace gradus {

inline constexpr int64 kCartPoleSteps = 300;  ///< of an episode

/// Parameters of a policy, a value or model of states (4), a critic of states and actions (5).
Parameters cart_pole_network(const std::string& name, int64 inputs, int64 outputs, Rng rng);
Tensor cart_pole_policy(std::span<const Tensor> theta, const Tensor& x);
/// The simulator's step, differentiable. x (N,4), u (N,1).
Tensor cart_pole_model(const Tensor& x, const Tensor& u);
ControlProblem cart_pole_problem(double w2);

struct CartPoleScore {
  double combined = 0, balance = 0;  ///< sums of r1 + r2 and of r1, mean over 8 starts
};
CartPoleScore score_policy(const Parameters& theta, const Rng& rng, int64 steps = kCartPoleSteps);

struct ControlOptions {
  std::string method = "apg";  ///< apg, apg-learned (a model fitted to the data), ddpg
  double lr = 1e-3;            ///< of the policy
  double w2 = 1;
  int64 rounds = 12, steps_per_round = 500, gradient_steps = 250;
  int64 first_steps =
      1000;  ///< apg: steps of the start policy, to which value and model are fitted before the first round
  int64 horizon = 5;  ///< apg: of the backup
};
/// Trains theta in place. `after` sees the number of steps in the environment so far behind every round, and may stop.
void control_cart_pole(Parameters& theta, const ControlOptions& options, const Rng& rng,
                       const std::function<bool(int64 steps)>& after);

}  // namespace gradus
