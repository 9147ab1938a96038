// The network that most methods of this folder train: a perceptron's features under a linear classifier that grows with the classes.
#pragma once

#include <vector>

#include "apps/continual/features.h"
#include "nn/continual/foster_loss.h"
#include "optim/state_archive.h"

namespace gradus {

struct LinearHeadNetwork {
  std::vector<Tensor> extractor;
  Classifier fc;
  /// The extractor's tensors, then weight and bias.
  std::vector<Tensor> all() const;
  static LinearHeadNetwork of(const std::vector<Tensor>& all);
};
void archive_network(const StateArchive& archive, LinearHeadNetwork& net);

/// Sizes of networks that learners make for themselves.
struct NetworkSizes {
  int64 inputs = 0, hidden = 64, width = 32;
  int64 classes = 0;  ///< of the whole stream, for those whose last layer has all from the start
};

/// relu(x W1' + b1) W2' + b2 of the parameters W1, b1, W2, b2; logits of a network on it.
Tensor perceptron_features(std::span<const Tensor> params, const Tensor& x);
Tensor network_logits(const FeatureMap& features, const LinearHeadNetwork& net, const Tensor& x);
/// A perceptron with `hidden` units, `width` features and `classes` classes; weights normal with variance 2/fan-in, classifier uniform
/// with +-sqrt(3/width).
LinearHeadNetwork fresh_perceptron(int64 features, int64 hidden, int64 width, int64 classes, Rng rng);
/// Such a classifier alone.
Classifier fresh_classifier(int64 classes, int64 width, Rng rng);

}  // namespace gradus
