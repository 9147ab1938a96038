// Returns of rollouts: what advantages and value targets are made of.
//
// Papers: Sutton, Barto, "Reinforcement Learning", 2018, chapter 12; with discount and trace that are learned: Xu, van Hasselt,
// Silver, "Meta-Gradient Reinforcement Learning", NeurIPS 2018, arXiv 1805.09801.
//   G_T = V_T;  G_t = r_t + gamma*(1 - d_t)*((1 - lambda)*V_{t+1} + lambda*G_{t+1})
#pragma once

#include "autograd/graph.h"

namespace gradus {

/// (T,E) lambda-returns of E rollouts of T steps: rewards, dones (1 behind the last step of an episode) (T,E), values (T+1,E),
/// gamma and lambda of one element. Differentiable in all but the dones. Throws ShapeError.
Tensor lambda_returns(const Tensor& rewards, const Tensor& dones, const Tensor& values, const Tensor& gamma,
                      const Tensor& lambda);

}  // namespace gradus
