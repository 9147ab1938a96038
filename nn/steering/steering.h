// Vectors that are added to a network's hidden states, and probes that pick among them.
//
// Paper: Sharma, Raman, "Steering Conceptual Bias via Transformer Latent-Subspace Activation" (G-ACT), 2025, arXiv 2506.18887.
//   delta_l = a_l(target) - a_l(default) for each prompt and layer;  its feature: all delta_l/||delta_l||, one after the other
//   k-means of the features: cluster z;  v[k,l] = mean of delta_l over the members of cluster k, unscaled
//   probe of a layer: p = softmax(W (a - mean)/std + b), trained on the default activations and z
//   generation: k = argmax p(h);  h <- h + alpha*v[k,l]  (hard),  h + alpha*sum_k p_k v[k,l]  (soft)
//   ACT, the baseline: p = softmax over k of cos(a, mean activation of cluster k), no training
//   online: z = the nearest centroid of the feature; one SGD step of every probe; centroid z moves by centroid_rate
// The abstract alone says so much; all numbers and the form of the probe are our reconstruction.
#pragma once

#include <string>
#include <vector>

#include "core/options.h"
#include "core/rng.h"
#include "nn/module.h"

namespace gradus {

/// Features (N,L*d) of differences of activations (N,L,d). Throws ShapeError.
Tensor steering_features(const Tensor& target, const Tensor& standard);

struct SteeringDirections {
  std::vector<int64> labels;  ///< (N)
  Tensor centroids;           ///< (K,L*d)
  Tensor vectors;             ///< (K,L,d); zeros for an empty cluster
  double inertia = 0;
};
/// From centroids that are the features of the rows `start`.
SteeringDirections steering_directions(const Tensor& target, const Tensor& standard,
                                       std::span<const int64> start, int64 iterations = 50);
/// From starts by k-means++, the best of five.
SteeringDirections steering_directions(const Tensor& target, const Tensor& standard, int64 clusters,
                                       Rng& rng);

/// The probe of one layer.
struct SteeringProbe {
  Tensor mean, std;     ///< (d)
  Tensor weight, bias;  ///< (K,d), (K)
  /// (a - mean)/std of activations (N,d).
  Tensor standardise(const Tensor& activations) const;
  /// (N,K); differentiable.
  Tensor logits(const Tensor& activations) const;
  /// One step of gradient descent on the cross-entropy of one activation (d) and its cluster.
  void online_step(const Tensor& activation, int64 cluster, double lr);
};
/// A probe of zeros with mean and deviation (of the population; 0 counts as 1) of the activations (N,d).
SteeringProbe zero_probe(const Tensor& activations, int64 clusters);
/// softmax over k of cos(activation, means_k), (N,K); rows shorter than 1e-12 count as that long.
Tensor act_probs(const Tensor& activations, const Tensor& means);

/// One prompt (target, standard: (L,d)) seen after the calibration: its cluster; the probes and its centroid move.
int64 online_refine(const Tensor& target, const Tensor& standard, Tensor& centroids,
                    std::vector<SteeringProbe>& probes, double online_lr, double centroid_rate);

/// What is done to one layer.
struct LayerSteering {
  Tensor vectors;       ///< (K,d)
  SteeringProbe probe;  ///< of G-ACT; weight undefined: none, with one vector
  Tensor act_means;     ///< (K,d), of ACT; undefined: the probe
};
struct SteeringOptions {
  double alpha = 1;
  std::string mode = "hard";
  void visit(auto&& f) {
    f("alpha", alpha, "strength: multiplies the vectors");
    f("mode", mode, "the likeliest vector, or their mean by the probe", choices({"hard", "soft"}));
  }
};
struct Steered {
  Tensor hidden;                ///< (T,d)
  std::vector<int64> clusters;  ///< argmax of the probe; -1 for rows that stay
};
/// Rows t >= from of hidden states (T,d) move. Throws ShapeError.
Steered steer(const Tensor& hidden, const LayerSteering& layer, const SteeringOptions& options,
              int64 from = 0);

}  // namespace gradus
