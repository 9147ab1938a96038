// A trainable tensor as modules own it and optimizers see it: a name, a kind, a value, a gradient.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "autograd/graph.h"

namespace gradus {

/// What a parameter is for. Decay masks, matrix rules and layer-wise exclusions go by this, not by the number
/// of axes.
enum class ParamKind {
  kWeight,     ///< matrix or kernel of a linear map
  kBias,       ///< additive vector
  kNorm,       ///< gain or bias of a normalisation
  kEmbedding,  ///< lookup table, position table
  kHead,       ///< weight of the last layer, where a model marks it
};
/// "weight", "bias", "norm", "embedding", "head".
const char* kind_name(ParamKind kind);

struct Parameter {
  std::string name;  ///< full path, torch's: "layer1.0.conv1.weight"
  ParamKind kind = ParamKind::kWeight;
  Tensor value;         ///< a variable(): grad() finds it by identity; optimizers write into its storage
  Tensor grad;          ///< of the last backward pass, or undefined
  bool frozen = false;  ///< not trained
};
using ParameterPtr = std::shared_ptr<Parameter>;
using Parameters = std::vector<ParameterPtr>;

/// A parameter that takes over the storage of `value` as a variable().
ParameterPtr make_parameter(std::string name, ParamKind kind, const Tensor& value);

}  // namespace gradus
