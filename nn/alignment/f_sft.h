// Supervised fine-tuning with a divergence of choice between the policy and the model it starts from.
//
// Paper: Wang, Cheng, Peng, Bao, Li, Guo, Li, Zeng, Zhou, Qiu, "Implicit Reward as the Bridge: A Unified View of SFT and DPO
//        Connections", NeurIPS 2025, arXiv 2507.00018.
//   x_t = beta*(log pi(y_t | y_<t) - log pi_ref(y_t | y_<t))              the implicit reward of a token
//   loss = -mean over tokens of phi(x_t)
//   tv          phi = x: ordinary fine-tuning, the reference drops out
//   chi2        phi = x - x^2/4,         phi' = 1 - x/2
//   hellinger   phi = x/(1 + x),         phi' = 1/(1 + x)^2,               x >= -0.9
//   reverse_kl  phi = 1 - exp(-x),       phi' = exp(-x)
//   js          phi = log(2 - exp(-x)),  phi' = exp(-x)/(2 - exp(-x)),     x >= -0.6
//   below its domain phi goes on as a line with the value and slope it has there
// At the start, x = 0, all have the gradient of ordinary fine-tuning; where a token has become likelier than under the reference
// phi' falls (not for tv), so that the policy stays nearer to it.
//   Q(s,a) = beta*logit_a,  V(s) = beta*logsumexp(logits),  Q - V = beta*log pi
#pragma once

#include "core/options.h"
#include "nn/alignment/token_scores.h"

namespace gradus {

struct FSftOptions {
  std::string divergence = "tv";
  double beta = 1;
  void visit(auto&& f) {
    f("divergence", divergence, "between policy and reference",
      choices({"tv", "chi2", "hellinger", "reverse_kl", "js"}));
    f("beta", beta, "scale of the implicit reward", positive());
  }
};

/// phi(x) of a divergence, element by element.
Tensor f_sft_phi(const Tensor& x, const std::string& divergence);

struct FSftLoss {
  Tensor loss;             ///< mean over the tokens that count
  Tensor implicit_reward;  ///< x (B,T), 0 where the mask is
  Tensor weight;           ///< phi'(x) (B,T), 0 where the mask is
};
/// logp and ref_logp (B,T) of the targets; the reference has no derivative. Throws ShapeError, DataError where no token counts.
FSftLoss f_sft_loss(const Tensor& logp, const Tensor& ref_logp, const IntTensor& mask,
                    const FSftOptions& options = {});

/// What logits (T,V) say of the states they were computed in.
struct ImplicitQ {
  Tensor q;           ///< (T,V)
  Tensor v;           ///< (T)
  Tensor advantage;   ///< (T,V)
  Tensor value_gain;  ///< (T), v_t - v_0
};
/// Throws ShapeError for what is no matrix with a row.
ImplicitQ implicit_q(const Tensor& logits, double beta = 1);

}  // namespace gradus
