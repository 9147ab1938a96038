// Maximal update parametrisation (muP): first values and multipliers of a network as functions of its width.
//
// Papers: Yang, Hu, "Tensor Programs IV: Feature Learning in Infinite-Width Neural Networks", ICML 2021, arXiv 2011.14522; Yang
//         et al., "Tensor Programs V", 2022, arXiv 2203.03466, table 8 in the form with an output multiplier.
//   k = width/base
//   matrix, both sides grow with the width:  std of first values ~ 1/sqrt(fan_in)
//   vector, one side grows:                  std of first values constant (input layers, embeddings, biases, gains)
//   head, its inputs grow:                   std constant, what it gives (but its bias) times 1/k
//   attention whose heads grow in size D:    logits over D in place of sqrt(D): queries times 1/sqrt(k)
// At k = 1 nothing changes. Step sizes and decay of the roles: optim/methods/width_scaling.h.
// Which side of a parameter grows is found by building the network at twice its width, and the std its initialiser has by the
// numbers it draws at both widths from one stream. Multipliers are maps of parameter slots, so that whatever reads the slots (fused
// passes, saved weights) sees the whole function.
#pragma once

#include <string>
#include <vector>

#include "nn/model.h"

namespace gradus {

struct MupOptions {
  int64 base = 128;
  std::string heads = "size";
  void visit(auto&& f) {
    f("base", base, "width that step size and decay were tuned at", at_least(1));
    f("heads", heads, "what grows of attention with the width: the size of heads, or their number",
      choices({"size", "number"}));
  }
};

/// The width of the model that `spec` names: the largest of the options that are its widths ("hidden" of mlp, "dim" of gpt).
/// Throws UsageError for a model without any, naming those that have one.
int64 width_of(const std::string& spec);
/// The same model with all its widths times numerator/denominator. Throws UsageError where one would be no whole number.
std::string spec_at_width(const std::string& spec, int64 numerator, int64 denominator);

enum class WidthRole { kFixed, kVector, kMatrix, kHead };

/// A factor on a parameter as the network sees it.
struct ForwardFactor {
  ParamSlot slot;
  Tensor factor;  ///< broadcast over the parameter
};
struct Mup {
  double k = 1;
  std::vector<WidthRole> roles;  ///< in the order of model.parameters()
  std::vector<ForwardFactor> factors;
};

/// Scales the model's first values, as they were drawn, and sets its multipliers. Throws UsageError for a model of make_model
/// without a width or without an output layer of its own (tied to the embedding).
Mup parametrise_mup(Model& model, const MupOptions& options);

}  // namespace gradus
