// Gradients by the likelihood ratio: noise in front of an activation, and how the loss answers to it.
//
// Paper: Jiang, Zhang, Xu, Yu, Peng, "One Forward is Enough for Neural Network Training via Likelihood Ratio Method", ICLR 2024,
//        arXiv 2305.08960. Defaults and the noise in convolution kernels as in the same group's earlier code
//        (LX-doctorAI1/GLR_ADV, ZhangAIPI/LR_Experiment, ZhangAIPI/LR_CNN).
//   u = phi(x; theta) + sigma*e,  e ~ N(0, I) a sample, a unit, a copy;   L: each sample's own loss
//   l = (L(+e) - L(-e))/2 (antithetic),  L,  or  L minus its mean over the other copies (leave-one-out)
//   dtheta = mean over copies and samples of  J_theta(phi)' (l*e/sigma):   linear layer: dW = l*(e/sigma) x', db = l*e/sigma
//   dsigma = mean of l*(e^2 - 1)/sigma
// It is the gradient of the expected loss under the noise. Neither activation nor loss need have a derivative, no layer waits for
// another, and nothing but each layer's input is kept.
// Departure: without antithetic pairs the paper subtracts nothing; leave-one-out is an addition, off by default.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <vector>

#include "autograd/ops/conv.h"
#include "core/options.h"
#include "optim/estimators/local_layer.h"

namespace gradus {

/// l of losses (K,N): K copies of N samples. `minus` undefined: one-sided. baseline: "none", "leave-one-out" (K >= 2, else
/// UsageError; only one-sided). Throws ShapeError.
Tensor effective_losses(const Tensor& losses, const Tensor& minus, const std::string& baseline = "none");
/// What a layer's output gets in place of a cotangent: sum over copies of l*e/(sigma*K*N), (N, ...). l (K,N), e (K, N, ...),
/// sigma one number or one a unit of the last axis, > 0. Throws ShapeError, UsageError.
Tensor likelihood_cotangent(const Tensor& l, const Tensor& noise, const Tensor& sigma);

struct LinearLikelihoodRatio {
  Tensor weight, bias;  ///< (O,I), (O)
  Tensor sigma;         ///< (O): mean over copies and samples of l*(e^2 - 1)/sigma
};
/// Of a linear layer with input x (N,I), noise (K,N,O), sigma (O).
LinearLikelihoodRatio linear_likelihood_ratio(const Tensor& x, const Tensor& noise, const Tensor& l,
                                              const Tensor& sigma);

struct ConvLikelihoodRatio {
  Tensor weight, bias;
};
/// Noise on every output position, (K,N,O,H',W'); x (N,C,H,W); the kernel has shape `kernel` (O,C,k,k).
ConvLikelihoodRatio conv_likelihood_ratio(const Tensor& x, const Tensor& noise, const Tensor& l, double sigma,
                                          const Shape& kernel, const ConvSpec& spec);
/// Noise in the kernel and bias, one draw a sample: noise (K,N,O,C,k,k), of_bias (K,N,O). Better where the kernel has fewer
/// entries than the output has positions.
ConvLikelihoodRatio kernel_likelihood_ratio(const Tensor& noise, const Tensor& of_bias, const Tensor& l,
                                            double sigma);

struct LikelihoodOptions {
  double sigma = 1;
  std::string injection = "layerwise", baseline = "none";
  bool antithetic = true, exact_head = true;
  void visit(auto&& f) {
    f("sigma", sigma, "standard deviation of the noise", positive());
    f("injection", injection, "layerwise: one layer noisy at a time; all: all at once, in antithetic pairs",
      choices({"layerwise", "all"}));
    f("antithetic", antithetic, "every draw with both signs");
    f("baseline", baseline, "what is subtracted from a one-sided loss", choices({"none", "leave-one-out"}));
    f("exact_head", exact_head, "the last layer has no noise and gets its exact gradient");
  }
};

/// A layer that noise can be put into, and what follows it (null: nothing).
struct NoisyLayer {
  LocalLayer layer;
  std::function<Tensor(const Tensor& u)> activation;
};
struct NoisyNetwork {
  std::vector<NoisyLayer> layers;
  /// Loss of each sample, (N), from the last layer's output; need have no derivative.
  std::function<Tensor(const Tensor& logits)> losses;
  /// Differentiable loss of each sample, (N): its mean is what an exact head is trained by, and is reported.
  std::function<Tensor(const Tensor& logits)> head_losses;
};
struct LikelihoodGradient {
  double loss = 0;                         ///< mean head loss of the pass without noise
  std::vector<std::vector<Tensor>> grads;  ///< layer by layer
  int64 forwards = 0;                      ///< noisy passes
};
/// noise: for every noisy layer (K, N, units of its output ...). Layerwise: only that layer is noisy, and what precedes it is
/// computed once. Throws UsageError for another number of noises than noisy layers, ShapeError.
LikelihoodGradient likelihood_gradient(const NoisyNetwork& network, const Tensor& x,
                                       std::span<const Tensor> noise, const LikelihoodOptions& options);

}  // namespace gradus
