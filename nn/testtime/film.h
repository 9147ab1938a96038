// A frozen network that a controller modulates: what the controller reads, and how its embedding moves features.
//
// Paper: Yeo, Kar, Sodagar, Zamir, "Rapid Network Adaptation: Learning to Adapt Neural Networks Using Test-Time Feedback",
//        ICCV 2023, arXiv 2309.15762.
//   output = relu(features + beta)  (shift)  or  relu((1 + alpha) features + beta)  (full)
//   spatial: beta = conv3x3(embedding resized bilinearly to the features); else beta = linear(mean over the embedding's positions)
//   controller input = [target*mask ; prediction*mask],  mask = (uniform < density) and valid
#pragma once

#include "autograd/graph.h"
#include "core/options.h"

namespace gradus {

struct FilmOptions {
  bool spatial = true;
  std::string film = "shift";
  void visit(auto&& f) {
    f("spatial", spatial, "one modulation a position, else one for the whole map");
    f("film", film, "a shift, or a factor and a shift", choices({"shift", "full"}));
  }
};
/// Weights (C,E,3,3) where spatial, else (C,E), and biases (C); those of alpha only with full.
struct FilmHead {
  Tensor beta_weight, beta_bias, alpha_weight, alpha_bias;
};
/// features (B,C,h,w), embedding (B,E,h',w') -> (B,C,h,w). Throws ShapeError.
Tensor film_modulation(const Tensor& features, const Tensor& embedding, const FilmHead& head,
                       const FilmOptions& options = {});

/// 1 where feedback is given: uniform < density and valid != 0. Shapes equal, else ShapeError.
IntTensor feedback_mask(const Tensor& uniform, const IntTensor& valid, double density);
/// target, prediction (B,c,...), mask (B,1,...) or (B,c,...) -> (B,2c,...): the prediction is shown only where feedback is.
Tensor controller_input(const Tensor& target, const Tensor& prediction, const Tensor& mask);

struct MaskedL1Options {
  std::string reduction = "all";
  void visit(auto&& f) {
    f("reduction", reduction, "mean over all entries, or over those of the mask (at least one)",
      choices({"all", "valid"}));
  }
};
/// |prediction*mask - target*mask| reduced to one number. Shapes equal, else ShapeError.
Tensor masked_l1(const Tensor& prediction, const Tensor& target, const Tensor& mask,
                 const MaskedL1Options& options = {});

/// A mask as numbers 0 and 1.
Tensor mask_values(const IntTensor& mask);

}  // namespace gradus
