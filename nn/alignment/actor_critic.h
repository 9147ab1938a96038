// The loss of an actor with a critic.
//
// Paper: Mnih et al., "Asynchronous Methods for Deep Reinforcement Learning", ICML 2016, arXiv 1602.01783; with returns that
// depend on what is tuned: Bonnet et al., 2021, arXiv 2111.00206.
//   mean over steps of  -log pi(a)*(G - sg(V)) + value_coef/2*(G - V)^2 - entropy_coef*H(pi)
// sg: no gradient. None goes through G into the critic, but it does into whatever else G was made of.
#pragma once

#include "autograd/graph.h"

namespace gradus {

/// logits (N,A), values (N), actions (N) in 0 ... A-1, returns (N); coefficients of one element. A single number. Throws
/// ShapeError, DataError for an action out of range.
Tensor actor_critic_loss(const Tensor& logits, const Tensor& values, const IntTensor& actions,
                         const Tensor& returns, const Tensor& value_coef, const Tensor& entropy_coef);

}  // namespace gradus
