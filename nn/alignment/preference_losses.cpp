#include "nn/alignment/preference_losses.h"

#include "autograd/ops/elementwise.h"
#include "autograd/ops/reduce.h"
#include "core/error.h"

namespace gradus {
namespace {

// s of one side, (P).
Tensor side_score(const ScoredResponses& side, const DpoOptions& o) {
  if (side.logp.shape() != side.ref_logp.shape())
    fail<ShapeError>("dpo_loss: log-probabilities {} and those of the reference {}", side.logp.shape().str(),
                     side.ref_logp.shape().str());
  return row_scores(side.logp - side.ref_logp.detach(), token_mask(side.mask, side.logp.shape(), "dpo_loss"),
                    token_reduction(o.reduction));
}

}  // namespace

Tensor preference_loss(const Tensor& margin, double beta, double label_smoothing) {
  const Tensor z = margin * static_cast<real>(beta);
  const Tensor right = softplus(-z);  // -log sigmoid(z)
  if (label_smoothing == 0) return mean(right);
  return mean(right * static_cast<real>(1 - label_smoothing) +
              softplus(z) * static_cast<real>(label_smoothing));
}

Tensor bradley_terry_loss(const Tensor& chosen, const Tensor& rejected) {
  if (chosen.shape() != rejected.shape())
    fail<ShapeError>("bradley_terry_loss: scores {} and {}", chosen.shape().str(), rejected.shape().str());
  return preference_loss(chosen - rejected, 1);
}

PreferenceLoss dpo_loss(const ScoredResponses& chosen, const ScoredResponses& rejected, const DpoOptions& o) {
  const Tensor s_chosen = side_score(chosen, o), s_rejected = side_score(rejected, o);
  if (s_chosen.shape() != s_rejected.shape())
    fail<ShapeError>("dpo_loss: {} chosen responses, {} rejected ones", s_chosen.numel(), s_rejected.numel());
  const Tensor margin = s_chosen - s_rejected;
  return {preference_loss(margin, o.beta, o.label_smoothing), margin};
}

}  // namespace gradus
