// Gradients of an expected loss over actions drawn from a softmax policy, from losses alone.
//
// Paper: Williams, "Simple Statistical Gradient-Following Algorithms for Connectionist Reinforcement Learning", Machine Learning 8,
//        1992; the baseline of the other rollouts: Kool, van Hoof, Welling, "Buy 4 REINFORCE Samples, Get a Baseline for Free!", 2019.
//   A_r = L_r - mean of the other rollouts' losses of the same problem
//   gradient = mean over rollouts of A_r * sum_t d log pi(a_t)/d parameters       (descent goes against it)
#pragma once

#include "core/tensor.h"

namespace gradus {

/// A of losses (M,R): M problems, R rollouts each. Without `baseline`, and for R = 1, the losses themselves. Throws ShapeError.
Tensor leave_one_out_advantage(const Tensor& losses, bool baseline = true);
/// Logarithms of the probabilities of `actions` (N) under logits (N,K), (N). Differentiable. Throws ShapeError.
Tensor action_log_probability(const Tensor& logits, const IntTensor& actions);
/// A number whose gradient is the estimate: mean over E rollouts of advantage (E) times the sum over T steps of log pi. logits (E*T,K)
/// and actions (E*T), the steps of a rollout side by side. Throws ShapeError.
Tensor policy_surrogate(const Tensor& logits, const IntTensor& actions, const Tensor& advantage);

}  // namespace gradus
