// A policy that keeps several rewards at given values, by Lagrange multipliers, and else stays near its reference.
//
// Paper: Moskovitz, Singh, Strouse, Sandholm, Salakhutdinov, Dragan, McAleer, "Confronting Reward Model Overoptimization with
//        Constrained RLHF", ICLR 2024, arXiv 2310.04373.
//   mu_i = squash(lambda_i): tanh (J_i = theta_i is asked for), sigmoid (J_i >= theta_i), none (lambda_i >= 0 itself)
//   kl_weight = N - sum_i mu_i   (none: 1)
//   A = kl_weight*A_kl + sum_i mu_i*A_i,   each part normalised over the minibatch: (A - mean)/(deviation with n-1 + 1e-8)
//   loss = PPO's of A + rm_vf_coef*mean (V_i - R_i)^2 over the N reward heads + kl_vf_coef*mean (V_kl - R_kl)^2
//   g_i = squash'(lambda_i)*(J_i - theta_i),  g clipped at max_grad_norm,  buf = lagrange_momentum*buf + g (the first: g),
//   lambda_i -= lagrange_lr*buf_i         J_i: mean over the minibatch's steps of the undiscounted reward to go
// Columns 0..N-1 are the reward models, column N is the distance from the reference.
#pragma once

#include <vector>

#include "core/options.h"
#include "nn/alignment/policy_losses.h"

namespace gradus {

struct MultiplierOptions {
  std::string squash = "tanh";
  double lagrange_lr = 0.1, lagrange_momentum = 0.1, max_grad_norm = 0.5;
  void visit(auto&& f) {
    visit_squash(f);
    visit_steps(f);
    f("max_grad_norm", max_grad_norm, "largest norm of a gradient", positive());
  }
  void visit_squash(auto&& f) {
    f("squash", squash, "from multipliers to weights", choices({"tanh", "sigmoid", "none"}));
  }
  void visit_steps(auto&& f) {
    f("lagrange_lr", lagrange_lr, "step size of the multipliers", at_least(0));
    f("lagrange_momentum", lagrange_momentum, "of the multipliers", decay_rate());
  }
};

class Multipliers {
 public:
  Multipliers(std::vector<double> lambda, std::vector<double> thresholds, const MultiplierOptions& options);

  const std::vector<double>& values() const { return lambda_; }
  std::vector<double> mu() const;
  /// N - sum mu, or 1 without a squash.
  double kl_weight() const;
  /// One step: reward_to_go (B,N) of the steps of a minibatch. Throws ShapeError, NumericError where a mean is not finite.
  void update(const Tensor& reward_to_go);

 private:
  MultiplierOptions o_;
  std::vector<double> lambda_, thresholds_, buf_;
};

/// The mixed advantage (B) of A_kl (B) and A_i (B,N). Throws ShapeError.
Tensor mixed_advantage(const Tensor& kl_advantages, const Tensor& rm_advantages,
                       const Multipliers& multipliers, bool normalize = true);

struct ConstrainedPpoOptions {
  double clip = 0.2, rm_vf_coef = 0.5, kl_vf_coef = 0.2;
  bool normalize = true;
  void visit(auto&& f) {
    f("normalize", normalize, "advantages, each part by itself, over the minibatch");
    f("clip", clip, "how far the ratio may leave 1", positive());
    f("rm_vf_coef", rm_vf_coef, "weight of the value heads of reward models", at_least(0));
    f("kl_vf_coef", kl_vf_coef, "weight of the value head of the distance", at_least(0));
  }
};
/// A minibatch of B steps.
struct ConstrainedBatch {
  Tensor logp, values;         ///< (B) and (B,N+1), differentiable
  Tensor old_logp;             ///< (B)
  Tensor advantages, returns;  ///< (B,N+1)
};
struct ConstrainedLoss {
  Tensor policy, value;
};
/// Throws ShapeError.
ConstrainedLoss constrained_ppo_loss(const ConstrainedBatch& batch, const Multipliers& multipliers,
                                     const ConstrainedPpoOptions& options = {});

}  // namespace gradus
