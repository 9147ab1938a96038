// What derivatives cost: each kind against a plain forward pass or gradient of the same model.
#pragma once

#include <string>
#include <vector>

#include "core/real.h"

namespace gradus::bench {

/// Medians in seconds of one call each, measured in turns so that a noisy machine disturbs all alike.
struct AutodiffCosts {
  std::string model;  ///< spec
  int64 batch;
  double forward;     ///< mean loss of the batch, nothing recorded
  double gradient;    ///< with respect to all parameters
  double vjp;         ///< logits pulled back to the parameters
  double jvp_inputs;  ///< directional derivative of the loss along the inputs
  double jvp_params;  ///< and along the parameters
  double hvp;         ///< Hessian-vector product in the parameters
  double ggn;         ///< Gauss-Newton-vector product in the parameters
};
/// Measures a classification model of the registry on random 1x28x28 images of ten classes, `seconds` a kind.
AutodiffCosts measure_autodiff(const std::string& model, int64 batch, double seconds);

/// Per-sample gradients against one backward pass a sample.
struct PerSampleCosts {
  std::string model;
  int64 batch;
  double gradient;    ///< of the mean loss, the usual training pass
  double closed;      ///< all per-sample gradients
  double norms;       ///< their norms only
  double one_by_one;  ///< all per-sample gradients, a pass each
  double deviation;   ///< largest difference of the two over the largest element
};
PerSampleCosts measure_per_sample(const std::string& model, int64 batch, double seconds);

/// A step of descent by forward gradients (optim/estimators/forward_gradient.h) against a plain forward pass: the draw of its
/// direction, the forward-mode pass and the update of the parameters. Baydin et al., arXiv 2202.08587, report 2.46 forward passes for
/// their MNIST network, 4.17 for backpropagation. Processor seconds, of all threads together, the least of
/// all runs in turns: steps of a millisecond are compared, which a busy machine interrupts.
struct ForwardGradientCosts {
  std::string model;
  int64 batch;
  double forward;   ///< as in AutodiffCosts
  double gradient;  ///< by backpropagation, with the same update
  double signs;     ///< the step, directions of -1 and 1
  double normals;   ///< directions of normal numbers
};
ForwardGradientCosts measure_forward_gradient(const std::string& model, int64 batch, double seconds);

/// A chain of `length` additions of one number: nanoseconds a node to record, differentiate and free.
struct ChainCosts {
  int64 length;
  double record, differentiate;
};
ChainCosts measure_chain(int64 length);

}  // namespace gradus::bench
