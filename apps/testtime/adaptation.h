// Adapting a trained classifier to test inputs without labels. What `gradus eval --adapt` may name.
//
// Papers: Nado et al., "Evaluating Prediction-Time Batch Normalization for Robustness under Covariate Shift", 2020, arXiv 2006.10963
//         (batch-statistics); Wang, Shelhamer, Liu, Olshausen, Darrell, "Tent: Fully Test-Time Adaptation by Entropy Minimization",
//         ICLR 2021, arXiv 2006.10726 (entropy); Wang, Shelhamer, Olshausen, Darrell, "Dynamic Scale Inference by Entropy
//         Minimization", 2019, arXiv 1908.03182 (entropy-scale).
//   entropy: `steps` Adam steps a batch on mean H(softmax(logits)), by the chosen parameters, others fixed; then the prediction
//   entropy-scale: of each image alone the scale whose prediction has the least entropy
// Departures: Tent predicts before its step, here the prediction comes after it; ordinary networks have no layer that sets scales, so
// entropy-scale resizes the image, by a scale out of a list instead of by gradient steps. Methods that want feedback (rna) or a layer of
// their own are in the experiments of `gradus papers`.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/options.h"
#include "data/batch.h"
#include "nn/model.h"

namespace gradus {

/// Outputs of a model that it may change; at its end the model is what it was.
class Adaptation {
 public:
  virtual ~Adaptation() = default;
  virtual Tensor output(const Batch& batch) = 0;
};
struct AdaptationEntry {
  std::string name, summary, paper;
  std::vector<OptionInfo> options;
  std::function<std::unique_ptr<Adaptation>(Model& model, const OptionList& options)> make;
};
const std::vector<AdaptationEntry>& adaptations();
/// "entropy:lr=1e-3,steps=1". Throws UsageError for unknown names (naming the nearest) and options, for a model that is no classifier or
/// has nothing to adapt.
std::unique_ptr<Adaptation> make_adaptation(const std::string& spec, Model& model);

}  // namespace gradus
