// One input at a time: a few Adam steps make its prediction surer, on the last layer and on the layer that sets scales.
//
// Paper: Wang, Shelhamer, Olshausen, Darrell, "Dynamic Scale Inference by Entropy Minimization", 2019, arXiv 1908.03182.
//   log_scale = conv3x3(features; scale_weight, scale_bias);  a = relu(dynamic_scale_conv(features, log_scale; weight, bias))
//   logits = a score_weight' + score_bias;  `steps` Adam steps on mean H(softmax(logits)), with fresh state
// Everything before the features is frozen, and what was adapted is forgotten after the input.
#pragma once

#include <vector>

#include "nn/testtime/dynamic_scale.h"

namespace gradus {

/// The layers behind the features, of Ci channels; C in between, K classes.
struct ScaleNet {
  Tensor weight, bias;              ///< (C,Ci,3,3), (C): of the dynamic layer, frozen
  Tensor score_weight, score_bias;  ///< (K,C), (K)
  Tensor scale_weight, scale_bias;  ///< (1,Ci,3,3), (1)
};
/// features (B,Ci,h,w) -> logits (B*h*w, K).
Tensor scale_net_logits(const Tensor& features, const ScaleNet& net, const ScaleOptions& options = {});

struct EntropyAdaptationOptions {
  int64 steps = 32;
  double lr = 1e-3, beta1 = 0.9, beta2 = 0.999, eps = 1e-8;
  std::string adapt = "both", objective = "entropy";
  ScaleOptions scale;
  void visit(auto&& f) {
    f("steps", steps, "steps on one input", at_least(0));
    f("lr", lr, "step size of Adam", positive());
    f("beta1", beta1, "of Adam", decay_rate());
    f("beta2", beta2, "of Adam", decay_rate());
    f("eps", eps, "of Adam", positive());
    f("adapt", adapt, "which layers move", choices({"both", "score", "scale"}));
    f("objective", objective, "entropy of the prediction, or its cross-entropy to labels (a bound)",
      choices({"entropy", "cross-entropy"}));
    scale.visit(f);
  }
};
struct AdaptedPrediction {
  std::vector<double> objective;  ///< before each step, and after all
  Tensor logits;                  ///< (B*h*w, K), after all
  IntTensor prediction;           ///< (B*h*w)
  ScaleNet net;                   ///< as adapted
};
/// `net` is left as it was. labels (B*h*w) for cross-entropy, else UsageError. Throws ShapeError.
AdaptedPrediction adapt_by_entropy(const Tensor& features, const ScaleNet& net,
                                   const EntropyAdaptationOptions& options, const IntTensor& labels = {});

}  // namespace gradus
