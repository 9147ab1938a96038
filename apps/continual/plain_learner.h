// The ways of learning that methods are compared with: an extractor and a linear classifier by SGD on what a task hands them.
//
//   naive: the task's rows alone;  joint: those of all tasks so far;  replay: the task's with a memory of exemplars
//   distill > 0: plus distill*KD(logits of old classes, those of the network before the task; temperature 2)   (Li, Hoiem, ECCV 2016)
#pragma once

#include <string>
#include <vector>

#include "apps/continual/descent.h"
#include "apps/continual/features.h"
#include "core/rng.h"
#include "nn/continual/foster_loss.h"

namespace gradus {

/// What a method of this folder starts a task from, and leaves.
struct LinearHeadNetwork {
  std::vector<Tensor> extractor;
  Classifier fc;
};

/// relu(x W1' + b1) W2' + b2 of the parameters W1, b1, W2, b2; logits of a network on it.
Tensor perceptron_features(std::span<const Tensor> params, const Tensor& x);
Tensor network_logits(const FeatureMap& features, const LinearHeadNetwork& net, const Tensor& x);
/// A perceptron with `hidden` units, `width` features and `classes` classes; weights normal with variance 2/fan-in, classifier uniform
/// with +-sqrt(3/width).
LinearHeadNetwork fresh_perceptron(int64 features, int64 hidden, int64 width, int64 classes, Rng rng);
/// Such a classifier alone.
Classifier fresh_classifier(int64 classes, int64 width, Rng rng);

struct PlainOptions {
  double lr = 0.1, momentum = 0.9, weight_decay = 5e-4, distill = 0;
};
/// `steps` steps with half a cosine on the classes that `start` has; `old_classes` of them are distilled. Throws NumericError for a loss
/// that is not finite.
LinearHeadNetwork train_plainly(const FeatureMap& features, const LinearHeadNetwork& start, int64 old_classes,
                                int64 steps, const std::function<LabelledRows(int64 step)>& batch,
                                const PlainOptions& options);

}  // namespace gradus
