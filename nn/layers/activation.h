// Activation functions by name.
#pragma once

#include <span>

#include "core/options.h"
#include "nn/module.h"

namespace gradus {

/// One line of the table of activations.
struct Activation {
  const char* name;
  const char* formula;
  Tensor (*function)(const Tensor&);
};
/// All activations: relu, leaky_relu, relu6, elu, selu, gelu, gelu_tanh, silu, mish, softplus, softsign,
/// tanh, sigmoid, hard_tanh, hard_sigmoid, hard_swish, sin, square_relu, identity.
std::span<const Activation> activations();
/// Throws UsageError naming the valid ones and the nearest.
const Activation& activation(const std::string& name);
/// For option structs: the names as choices.
Limits activation_choices();

/// 1 if x > 0, else 0. Its derivative is 0 everywhere, so that no gradient passes: not in the table, but for methods that need
/// none.
Tensor threshold(const Tensor& x);

/// An activation as a layer.
class Activate : public Module {
 public:
  explicit Activate(const std::string& name) : activation_(activation(name)) {}
  Tensor forward(const Input& x) override { return activation_.function(x.values()); }
  std::string describe() const override { return activation_.name; }
  int64 flops(const Shape& input, const Shape&) const override { return input.numel(); }

 private:
  const Activation& activation_;
};

}  // namespace gradus
