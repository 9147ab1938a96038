// A network with one hidden layer, trained a few units at a time by gradient boosting.
//
// Paper: Emami, Martinez-Munoz, "Sequential Training of Neural Networks with Gradient Boosting", IEEE Access 11, 2023,
//        arXiv 1909.12098 (GBNN); reference code GAA-UAM/GBNN.
//   F = F_0;  for each block t:   r = residuals of the loss at F on all points
//     f_t(x) = V_t act(W_t x + b_t) + c_t fitted to r by least squares (block_objective) on a part of the points
//     F += step_t*f_t,  step_t = eta*rho:  one Newton step on all points, a single number for all outputs
//   squared:    F_0 = mean(y),                       r = y - F,                   rho = 1
//   binary:     F_0 = ln((1 + ybar)/(1 - ybar))/2,   r = 2y/(1 + exp(2yF)),       rho = sum(r f)/sum(f^2 r (2y - r));   y = -1, 1
//   multiclass: F_0 = 0,                             r = y - softmax(F),          rho = sum(r f)/sum(f^2 p(1 - p)),  p = y - r
// All blocks together are one ordinary network (merge); the first s of them are the model of stage s, output bias and all.
// Departure: rho = 0 where its denominator is below 1e-12.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "core/options.h"
#include "nn/layers/activation.h"

namespace gradus {

enum class BoostingLoss { kSquared, kBinary, kMulticlass };
/// "squared", "binary", "multiclass".
BoostingLoss boosting_loss(const std::string& name);
Limits boosting_loss_choices();

/// F_0: (1), of kMulticlass (K). y (N) or (N,K). Throws ShapeError, DataError for no points, for binary targets other than -1 and 1
/// and where all of them are the same.
Tensor boosting_start(BoostingLoss loss, const Tensor& y);
/// The negative gradient of the loss in F, like y; `raw` is F on the same points, of y's shape.
Tensor boosting_residuals(BoostingLoss loss, const Tensor& y, const Tensor& raw);
/// What the raw prediction says: F, P(y = 1), or class probabilities.
Tensor boosting_prediction(BoostingLoss loss, const Tensor& raw);
/// rho of a block's predictions f (y's shape) where the raw prediction is `raw`.
double boosting_newton_step(BoostingLoss loss, const Tensor& y, const Tensor& raw, const Tensor& f);

/// J hidden units with K outputs.
struct BoostedBlock {
  Tensor hidden_weight, hidden_bias;  ///< W (J,d), b (J)
  Tensor output_weight, output_bias;  ///< V (K,J), c (K)
};
/// f: x (N,d) -> (N,K).
Tensor block_output(std::span<const Tensor> w_b_v_c, const Activation& act, const Tensor& x);
/// 1/2*mean over points of sum over outputs (r - f)^2 + alpha/2*(sum W^2 + sum V^2)/N, differentiable; residuals (N,K).
Tensor block_objective(std::span<const Tensor> w_b_v_c, const Activation& act, const Tensor& x,
                       const Tensor& residuals, double alpha);

class BoostedNetwork {
 public:
  /// `start`: F_0, with a number an output.
  BoostedNetwork(BoostingLoss loss, const Activation& act, Tensor start)
      : loss_(loss), act_(&act), start_(std::move(start)) {}

  /// Takes a fitted block in: its step from all points x, y, whose raw prediction `raw` moves on. Returns the step.
  double add(BoostedBlock block, const Tensor& x, const Tensor& y, Tensor& raw, double eta);
  int64 stages() const { return std::ssize(blocks_); }
  const std::vector<double>& steps() const { return steps_; }
  BoostingLoss loss() const { return loss_; }

  /// F of the first `stages` blocks (-1: all), (N,K); K = 1 but for kMulticlass. Throws UsageError for more than there are.
  Tensor raw(const Tensor& x, int64 stages = -1) const;
  /// The same blocks as one network: raw outputs, of kBinary the logits 2F, from act(x W' + b) V' + c. Hidden units in the order
  /// of the blocks.
  BoostedBlock merged(int64 stages = -1) const;

 private:
  int64 checked(int64 stages) const;

  BoostingLoss loss_;
  const Activation* act_;
  Tensor start_;
  std::vector<BoostedBlock> blocks_;
  std::vector<double> steps_;
};

}  // namespace gradus
