// A model's forward pass as the calls of primitives it is made of.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "autograd/primitive.h"
#include "nn/model.h"

namespace gradus {

struct TracedCall {
  const Primitive* primitive;  ///< null: the output is input 0 under another name
  std::vector<Tensor> inputs;
  Attr attr;
  Tensor output;
};

/// Tensors are kept, so that they are told apart by where their numbers lie.
struct TracedModel {
  Input input;
  std::vector<TracedCall> calls;
  Tensor output;
};

/// The calls of model(input) in evaluation mode, without derivatives. A primitive that is not `known` by its name is replaced by
/// the composite it is equal to, where it has one.
TracedModel trace_model(Model& model, const Input& input,
                        const std::function<bool(const std::string&)>& known);

/// An input of n examples that has everything a model may ask for, drawn from `rng`: numbers within -1 and 1, tokens, times and
/// classes (the first of none, where there are classes).
Input drawn_input(const Model& model, int64 n, Rng rng);

}  // namespace gradus
