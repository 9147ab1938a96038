// Prompts at every layer: vectors added to a few tokens of the input of each layer of a frozen network; and a small network of tokens
// that takes them.
//
// Prompts of all layers, made by fixed random projections of short vectors: Sun, He, Qian, Zhou, Huang, Qiu, "BBTv2: Towards a
// Gradient-Free Future with Large Language Models", EMNLP 2022, arXiv 2205.11200.
//   layer l: h[offset + i] += prompt_l[i];  h_t <- tanh(U_l h_t + V_l mean over tokens of h)
//   logits = head h at token 0
//   projection of layer l ~ N(0, std_l^2),  std_l = alpha*std(hidden states there)/(sqrt(intrinsic_dim)*sigma)
#pragma once

#include <span>
#include <vector>

#include "autograd/graph.h"

namespace gradus {

/// A network whose tokens meet in their mean.
struct MixingNetwork {
  Tensor U, V;  ///< (L,D,D)
  Tensor head;  ///< (c,D)
  int64 layers() const { return U.dim(0); }
  int64 width() const { return U.dim(1); }
};

/// hidden (N,T,D) -> logits (N,c), prompts (L,P,D) added to tokens offset, offset+1, ... (undefined: none). `inputs` receives what each
/// layer reads, its prompt added. All differentiable. Throws ShapeError, also where the prompt does not lie within the tokens.
Tensor prompted_logits(const MixingNetwork& net, const Tensor& hidden, const Tensor& prompts, int64 offset,
                       std::vector<Tensor>* inputs = nullptr);
/// Mean cross-entropy.
Tensor prompted_loss(const MixingNetwork& net, const Tensor& hidden, const IntTensor& labels,
                     const Tensor& prompts, int64 offset);

/// Population deviation of all entries; `clip_rounds` times: entries are clipped to mean +- 3 deviations, and both are found anew.
double clipped_deviation(const Tensor& hidden, int64 clip_rounds);
/// std_l. Throws UsageError for intrinsic_dim < 1 or sigma <= 0.
double projection_deviation(double hidden_std, int64 intrinsic_dim, double alpha, double sigma);

}  // namespace gradus
