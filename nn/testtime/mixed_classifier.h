// Two frozen classifiers, one accurate and one robust, whose probabilities are mixed.
//
// Paper: Bai, Anderson, Kim, Sojoudi, "Improving the Accuracy-Robustness Trade-Off of Classifiers via Adaptive Smoothing", 2023,
//        arXiv 2301.12554.
//   f = log((1 - alpha) softmax(std_scale*g) + alpha softmax(rob_scale*h)), used as logits
//   score -> clamped to batch mean -+ clamp_width*std -> batch norm -> gamma = that*gamma_scale + gamma_bias -> alpha = sigmoid(gamma)
//   loss = mean of weight*(bce*b + ce*c + prod*b*c),  b = BCE(gamma, attacked),  c = cross-entropy of f
//   alpha >= 1/2 and p_y - max_k p_k >= (1-alpha)/alpha for the robust probabilities p: f predicts y, whatever g is
#pragma once

#include "autograd/graph.h"
#include "core/options.h"

namespace gradus {

struct MixOptions {
  double std_scale = 1, rob_scale = 1, floor = 1e-12;
  void visit(auto&& f) {
    f("std_scale", std_scale, "on the accurate classifier's logits", at_least(0));
    f("rob_scale", rob_scale, "on the robust classifier's logits", at_least(0));
    f("floor", floor, "least probability, so that its logarithm is finite", positive());
  }
};
/// logits (B,C) twice, alpha (B) in [0,1] -> (B,C). Throws ShapeError.
Tensor mixed_logits(const Tensor& logits_std, const Tensor& logits_rob, const Tensor& alpha,
                    const MixOptions& options = {});

struct MixingWeightOptions {
  double clamp_width = 0.6, momentum = 0.01, eps = 1e-5;
  double gamma_scale = 2, gamma_bias = 0.4, alpha_scale = 1, alpha_bias = 0;
  void visit(auto&& f) {
    f("clamp_width", clamp_width, "training: scores are kept within so many deviations of their mean",
      at_least(0));
    f("momentum", momentum, "of the running statistics", between(0, 1));
    f("eps", eps, "added to the variance", positive());
    f("gamma_scale", gamma_scale, "on the normalised score");
    f("gamma_bias", gamma_bias, "on the normalised score");
    f("alpha_scale", alpha_scale, "evaluation: on the weight");
    f("alpha_bias", alpha_bias, "evaluation: on the weight");
  }
};
struct RunningScore {
  double mean = 0, var = 1;
};
struct MixingWeight {
  Tensor gamma, alpha;  ///< (B)
};
/// From scores (B). Training moves the running statistics (by the unbiased variance); the bounds of the clamp are constants of the
/// gradient. Throws ShapeError, and DataError for a training batch of one.
MixingWeight mixing_weight(const Tensor& score, RunningScore& running, bool training,
                           const MixingWeightOptions& options = {});

struct CompositeLossOptions {
  double bce = 1, ce = 0.5, prod = 0.1;
  void visit(auto&& f) {
    f("bce", bce, "of telling attacked images from clean ones", at_least(0));
    f("ce", ce, "of the mixture's cross-entropy", at_least(0));
    f("prod", prod, "of the product of both", at_least(0));
  }
};
/// logits (B,C), labels (B), gamma (B), attacked (B) of 0 and 1, weight (B). Throws ShapeError.
Tensor composite_loss(const Tensor& logits, const IntTensor& labels, const Tensor& gamma,
                      const Tensor& attacked, const Tensor& weight, const CompositeLossOptions& options = {});
/// What an attack makes large: (1 - detector_weight)*CE(f) + detector_weight*BCE(gamma, 1), the mean over the batch.
Tensor attack_loss(const Tensor& logits, const IntTensor& labels, const Tensor& gamma,
                   double detector_weight);

/// Per row: the robust margin, what it has to be at least, and whether it is.
struct CertifiedMargin {
  Tensor margin, required;  ///< (B)
  IntTensor certified;      ///< (B)
};
/// prob_rob (B,C) with C >= 2, labels (B), alpha (B). Throws ShapeError, DataError for labels out of range.
CertifiedMargin certified_margin(const Tensor& prob_rob, const IntTensor& labels, const Tensor& alpha);

}  // namespace gradus
