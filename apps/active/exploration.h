// Pure exploration: T noisy linear measurements chosen one by one, then a guess at the best hypothesis.
//
// Paper: Zhang, Jain, Jamieson, "Learning to Actively Learn: A Robust Approach", 2020, arXiv 2010.15382.
//   query x_i answers  <x_i,theta> + N(0,1)  (gaussian)  or +-1 with P(+1) = (1 + <x_i,theta>)/2  (bernoulli)
//   features at t: for each query (pulls/T, sum of y/T, mean y or 0), query by query, then t/T
//   h = relu(w2 relu(w1 x + b1) + b2);  pi = softmax(w_action h + b_action);
//   q = softmax(w_output h + b_output + Z theta_hat),  theta_hat_i = mean y or 0  (so there are as many queries as dimensions)
//   loss = sum_z q_z L_z,  L = <z*-z,theta> (regret) or 1{z != z*} (identification)
//   d E[loss]/d theta = E[loss*score] + E[d loss/d theta],  score = sum_t d log P(y_t)/d theta
// Network sizes and the layout of features are reconstructions.
#pragma once

#include <span>
#include <string>

#include "autograd/parameter.h"
#include "core/options.h"
#include "core/rng.h"

namespace gradus {

struct ExplorationGame {
  Tensor queries;     ///< (n,d), n = d
  Tensor hypotheses;  ///< (m,d)
  int64 horizon = 20;
  std::string loss = "identification", noise_model = "gaussian";
  bool bernoulli() const { return noise_model == "bernoulli"; }
  bool regret() const { return loss == "regret"; }
  /// n arms with unit vectors, the best one of which is looked for.
  static ExplorationGame best_arm(int64 n, int64 horizon);
  /// Throws UsageError for words and sizes that make no game.
  void check() const;
};
Limits exploration_losses();
Limits exploration_noise();

/// w1, b1, w2, b2, w_action, b_action, w_output, b_output: (h,3n+1), (h), (h,h), (h), (n,h), (n), (m,h), (m).
using PolicyWeights = std::vector<Tensor>;
/// Parameters of a policy, He-normal but for the heads, whose first values are a tenth of that: it begins almost uniform.
Parameters exploration_policy(const ExplorationGame& game, int64 hidden, const Rng& rng);
PolicyWeights weights_of(const Parameters& policy);
/// pi's logits (E,n) at features (E,3n+1). Differentiable.
Tensor action_logits(const PolicyWeights& w, const Tensor& features);
/// q's logits (E,m). Differentiable.
Tensor output_logits(const ExplorationGame& game, const PolicyWeights& w, const Tensor& features,
                     const Tensor& theta_hat);

/// The features (3n+1 numbers) after t of T answers: how often each query was pulled, and the sums of its answers.
void write_features(std::span<const double> pulls, std::span<const double> sums, int64 t, int64 horizon,
                    real* out);

/// E episodes side by side.
struct Rollouts {
  IntTensor actions;           ///< (E,T)
  Tensor observations, log_p;  ///< (E,T)
  Tensor features;             ///< (E*T,3n+1), at each choice
  Tensor end, theta_hat;       ///< (E,3n+1), (E,n): behind the last answer
  Tensor output;               ///< q (E,m)
  Tensor losses;               ///< L of every hypothesis (E,m)
  Tensor loss;                 ///< (E)
  Tensor score;                ///< (E,d)
  Tensor theta_gradient;       ///< (E,d): of the loss, one draw of its estimate
};
/// Plays by the policy, without recording. thetas (E,d); u (E,T) draws the actions, `draws` (E,T) the answers (standard normal, or
/// uniform). Throws ShapeError.
Rollouts play(const ExplorationGame& game, const PolicyWeights& w, const Tensor& thetas, const Tensor& u,
              const Tensor& draws);
/// Plays round-robin and takes the empirical best hypothesis, of equals any with the same probability: its loss (E).
Tensor play_uniform(const ExplorationGame& game, const Tensor& thetas, const Tensor& draws);

}  // namespace gradus
