#include "nn/alignment/actor_critic.h"

#include "autograd/ops/elementwise.h"
#include "autograd/ops/nn_ops.h"
#include "autograd/ops/reduce.h"
#include "core/error.h"

namespace gradus {

Tensor actor_critic_loss(const Tensor& logits, const Tensor& values, const IntTensor& actions,
                         const Tensor& returns, const Tensor& value_coef, const Tensor& entropy_coef) {
  const Shape rows({actions.numel()});
  if (logits.rank() != 2 || logits.dim(0) != actions.numel() || !(values.shape() == rows) ||
      !(returns.shape() == rows))
    fail<ShapeError>("actor_critic_loss: logits {}, values {}, returns {} for {} actions",
                     logits.shape().str(), values.shape().str(), returns.shape().str(), actions.numel());
  const Tensor minus_log = cross_entropy(logits, actions, Reduction::kNone);
  const Tensor log_pi = log_softmax(logits);
  const Tensor entropy = -sum(exp(log_pi) * log_pi, {1});
  return mean(minus_log * (returns - stop_gradient(values)) +
              value_coef * real(0.5) * square(returns - values) - entropy_coef * entropy);
}

}  // namespace gradus
