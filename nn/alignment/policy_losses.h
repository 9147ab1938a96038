// Policy gradients on token log-probabilities: what language models are trained with on rewards.
//
//   PPO   rho = exp(logp - old_logp);  loss = -mean min(rho*A, clip(rho, 1-clip, 1+clip)*A)
//         Schulman et al., 2017, arXiv 1707.06347
//   GRPO  A of the samples of one prompt: (r - mean)/(deviation with n-1 + eps);
//         a token's part is min(rho*A, clip(rho)*A) - kl_coef*k,  k = exp(e) - e - 1,  e = ref_logp - logp
//         Shao et al., "DeepSeekMath", 2024, arXiv 2402.03300
//   KL    of a sample, d = logp - ref_logp:  k1 = d,  k2 = d^2/2,  k3 = exp(-d) - 1 + d   (Schulman, 2020)
//   GAE   delta_t = r_t + gamma*V_{t+1} - V_t,  A_t = delta_t + gamma*gae_lambda*A_{t+1}
//         Schulman et al., ICLR 2016, arXiv 1506.02438
// log-probabilities are of the tokens that were drawn; those of the reference and of the policy that drew them have no derivative.
#pragma once

#include "core/options.h"
#include "nn/alignment/token_scores.h"

namespace gradus {

struct KlEstimates {
  double k1 = 0, k2 = 0, k3 = 0;
};
/// Means over the entries that count, (N) or any shape. Throws DataError where none does.
KlEstimates kl_estimates(const Tensor& logp, const Tensor& ref_logp, const IntTensor& mask);

/// -kl_coef*(logp - ref_logp) at every token that counts; score[s] is added at the last of row s, and dropped where a row has
/// none. (S,T) and (S) -> (S,T).
Tensor kl_penalised_rewards(const Tensor& logp, const Tensor& ref_logp, const IntTensor& mask,
                            const Tensor& score, double kl_coef = 0.2);

struct GaeOptions {
  double gamma = 0.99, gae_lambda = 0.95;
  void visit(auto&& f) {
    f("gamma", gamma, "discount of later rewards", between(0, 1));
    f("gae_lambda", gae_lambda, "weight of longer returns", between(0, 1));
  }
};
struct Gae {
  Tensor advantages, returns;  ///< (T,K), returns = advantages + values
  Tensor reward_to_go;         ///< (T,K): undiscounted, to the end of the episode or of the rewards
};
/// Advantages of T steps for K rewards at once. dones[t] = 1: the episode ends with step t, and nothing behind it counts;
/// last_values (K) are those behind the last step. rewards, values (T,K). Throws ShapeError, DataError for other dones.
Gae gae(const Tensor& rewards, const Tensor& values, const IntTensor& dones, const Tensor& last_values,
        const GaeOptions& options = {});

struct PpoOptions {
  double clip = 0.2, eps = 1e-8;
  bool normalize = true;
  void visit(auto&& f) {
    f("clip", clip, "how far the ratio may leave 1", positive());
    f("normalize", normalize, "advantages to mean 0 and deviation 1");
    f("eps", eps, "added to that deviation", at_least(0));
  }
};
struct PolicyLoss {
  Tensor loss;               ///< differentiable in logp
  double clip_fraction = 0;  ///< of entries whose ratio is farther than clip from 1
  double approx_kl = 0;      ///< mean of rho - 1 - log rho
};
/// Of entries of any one shape. Where both parts of the minimum are equal the gradient is that of rho*A. Throws ShapeError.
PolicyLoss ppo_clip_loss(const Tensor& logp, const Tensor& old_logp, const Tensor& advantages,
                         const PpoOptions& options = {});

struct GroupOptions {
  double eps = 1e-4;
  bool scale = true;
  void visit(auto&& f) {
    f("eps", eps, "added to the deviation", at_least(0));
    f("scale", scale, "divide by the deviation of the group");
  }
};
/// Rewards (P,G), G samples of each of P prompts -> advantages (P,G).
Tensor grpo_advantages(const Tensor& rewards, const GroupOptions& options = {});

struct GrpoOptions {
  double clip = 0.2, kl_coef = 0.005;
  std::string reduction = "sequence";
  void visit(auto&& f) {
    f("clip", clip, "how far the ratio may leave 1", positive());
    f("kl_coef", kl_coef, "weight of the distance from the reference", at_least(0));
    f("reduction", reduction, "mean over each sequence first, or over all tokens",
      choices({"sequence", "token"}));
  }
};
struct GrpoLoss {
  Tensor loss;         ///< differentiable in logp
  double mean_kl = 0;  ///< by the weights of the loss
};
/// logp, old_logp, ref_logp, mask (S,T), advantages (S). A row without tokens counts among the S sequences. Throws ShapeError.
GrpoLoss grpo_loss(const Tensor& logp, const Tensor& old_logp, const Tensor& ref_logp, const IntTensor& mask,
                   const Tensor& advantages, const GrpoOptions& options = {});

}  // namespace gradus
