// Training of the probes that pick steering vectors (nn/steering/steering.h).
#pragma once

#include <string>
#include <vector>

#include "nn/steering/steering.h"

namespace gradus {

struct ProbeTrainingOptions {
  double lr = 0.01, beta1 = 0.9, beta2 = 0.999, eps = 1e-8;
  int64 epochs = 20;
  void visit(auto&& f) {
    f("lr", lr, "step size", positive());
    f("epochs", epochs, "steps, each on all activations", at_least(0));
    f("beta1", beta1, "decay of the gradient mean", decay_rate());
    f("beta2", beta2, "decay of the mean of squared gradients", decay_rate());
    f("eps", eps, "added to the bias-corrected root", positive());
  }
};
struct TrainedProbe {
  SteeringProbe probe;
  std::vector<double> losses;  ///< before each step
  double accuracy = 0;         ///< afterwards, on the same activations
};
/// Adam from zero on the mean cross-entropy of activations (N,d) and their clusters. Throws ShapeError, DataError for a label
/// outside 0..clusters-1.
TrainedProbe train_probe(const Tensor& activations, const std::vector<int64>& labels, int64 clusters,
                         const ProbeTrainingOptions& options = {});

/// Share of activations whose likeliest cluster is the label's; probs (N,K).
double probe_accuracy(const Tensor& probs, const std::vector<int64>& labels);

}  // namespace gradus
