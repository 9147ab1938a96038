// Losses on pairs of responses, one preferred to the other.
//
//   Bradley-Terry   -log sigmoid(score(chosen) - score(rejected)): reward models. Christiano et al., NeurIPS 2017, arXiv 1706.03741
//   DPO             s(x) = sum over tokens of logp - ref_logp;  z = beta*(s(chosen) - s(rejected));
//                   -(1 - label_smoothing)*log sigmoid(z) - label_smoothing*log sigmoid(-z)
//                   Rafailov et al., NeurIPS 2023, arXiv 2305.18290; smoothing: Mitchell, 2023
#pragma once

#include "core/options.h"
#include "nn/alignment/token_scores.h"

namespace gradus {

/// Mean over pairs; chosen and rejected (P) are scores of a reward model. Throws ShapeError.
Tensor bradley_terry_loss(const Tensor& chosen, const Tensor& rejected);

/// Log-probabilities of P responses of T tokens, by the policy and by its frozen reference.
struct ScoredResponses {
  Tensor logp, ref_logp;  ///< (P,T); no gradient passes into the reference
  IntTensor mask;         ///< (P,T)
};

struct DpoOptions {
  double beta = 0.1, label_smoothing = 0;
  std::string reduction = "sum";
  void visit(auto&& f) {
    f("beta", beta, "how strongly the reference holds: the implicit reward is beta*(logp - ref_logp)",
      positive());
    f("label_smoothing", label_smoothing, "how often preferences are taken to be wrong", between(0, 0.5));
    f("reduction", reduction, "of a response's tokens: sum, or mean (length-normalised)",
      choices({"sum", "mean"}));
  }
};
struct PreferenceLoss {
  Tensor loss;    ///< mean over pairs
  Tensor margin;  ///< (P), s(chosen) - s(rejected)
};
/// The two responses of a pair may have different lengths. Throws ShapeError.
PreferenceLoss dpo_loss(const ScoredResponses& chosen, const ScoredResponses& rejected,
                        const DpoOptions& options = {});
/// The same from margins (P) alone.
Tensor preference_loss(const Tensor& margin, double beta, double label_smoothing = 0);

}  // namespace gradus
