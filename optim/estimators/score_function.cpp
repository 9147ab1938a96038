#include "optim/estimators/score_function.h"

#include "autograd/ops/elementwise.h"
#include "autograd/ops/nn_ops.h"
#include "autograd/ops/reduce.h"
#include "autograd/ops/shape_ops.h"
#include "core/error.h"

namespace gradus {

Tensor leave_one_out_advantage(const Tensor& losses, bool baseline) {
  if (losses.rank() != 2) fail<ShapeError>("advantage: losses (M,R), got {}", losses.shape().str());
  const int64 m = losses.dim(0), r = losses.dim(1);
  if (!baseline || r < 2) return losses.clone();
  Tensor out({m, r});
  for (int64 i = 0; i < m; ++i) {
    const real* of = losses.data() + i * r;
    double sum = 0;
    for (int64 j = 0; j < r; ++j) sum += static_cast<double>(of[j]);
    for (int64 j = 0; j < r; ++j) {
      const auto own = static_cast<double>(of[j]);
      out.mutable_data()[i * r + j] = static_cast<real>(own - (sum - own) / static_cast<double>(r - 1));
    }
  }
  return out;
}

Tensor action_log_probability(const Tensor& logits, const IntTensor& actions) {
  if (logits.rank() != 2 || actions.numel() != logits.dim(0))
    fail<ShapeError>("policy: logits {} and actions {}", logits.shape().str(), actions.shape().str());
  const int64 n = logits.dim(0);
  return reshape(gather(log_softmax(logits), 1, actions.view({n, 1})), {n});
}

Tensor policy_surrogate(const Tensor& logits, const IntTensor& actions, const Tensor& advantage) {
  const int64 rollouts = advantage.numel();
  if (rollouts < 1 || logits.rank() != 2 || logits.dim(0) % rollouts)
    fail<ShapeError>("policy: logits {} of {} rollouts", logits.shape().str(), rollouts);
  const Tensor log_pi =
      reshape(action_log_probability(logits, actions), {rollouts, logits.dim(0) / rollouts});
  return mean(advantage.view({rollouts}) * sum(log_pi, {1}));
}

}  // namespace gradus
