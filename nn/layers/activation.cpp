#include "nn/layers/activation.h"

#include "autograd/ops/elementwise.h"

namespace gradus {
namespace {

// Klambauer et al., "Self-Normalizing Neural Networks", NeurIPS 2017, arXiv 1706.02515: the constants for
// which zero mean and unit variance are a fixed point.
constexpr double kSeluAlpha = 1.6732632423543772848, kSeluScale = 1.0507009873554804934;

Tensor selu(const Tensor& x) { return static_cast<real>(kSeluScale) * elu(x, static_cast<real>(kSeluAlpha)); }
Tensor relu6(const Tensor& x) { return clamp(x, 0, 6); }
Tensor mish(const Tensor& x) { return x * tanh(softplus(x)); }
Tensor softsign(const Tensor& x) { return x / (abs(x) + real(1)); }
Tensor hard_tanh(const Tensor& x) { return clamp(x, -1, 1); }
Tensor hard_sigmoid(const Tensor& x) { return clamp(x + real(3), 0, 6) / real(6); }
Tensor hard_swish(const Tensor& x) { return x * hard_sigmoid(x); }
Tensor square_relu(const Tensor& x) { return square(relu(x)); }
Tensor identity(const Tensor& x) { return x; }

constexpr Activation kActivations[] = {
    {"relu", "max(x, 0)", relu},
    {"leaky_relu", "max(x, 0) + 0.01 min(x, 0)", [](const Tensor& x) { return leaky_relu(x); }},
    {"relu6", "min(max(x, 0), 6)", relu6},
    {"elu", "x if x > 0 else exp(x) - 1", [](const Tensor& x) { return elu(x); }},
    {"selu", "1.0507 (x if x > 0 else 1.6733 (exp(x) - 1))", selu},
    {"gelu", "x Phi(x)", gelu},
    {"gelu_tanh", "x/2 (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3)))", gelu_tanh},
    {"silu", "x sigmoid(x)", silu},
    {"mish", "x tanh(softplus(x))", mish},
    {"softplus", "log(1 + exp(x))", softplus},
    {"softsign", "x / (1 + |x|)", softsign},
    {"tanh", "tanh(x)", tanh},
    {"sigmoid", "1 / (1 + exp(-x))", sigmoid},
    {"hard_tanh", "min(max(x, -1), 1)", hard_tanh},
    {"hard_sigmoid", "min(max(x + 3, 0), 6) / 6", hard_sigmoid},
    {"hard_swish", "x hard_sigmoid(x)", hard_swish},
    {"sin", "sin(x)", sin},
    {"square_relu", "max(x, 0)^2", square_relu},
    {"identity", "x", identity},
};

std::vector<std::string> names() {
  std::vector<std::string> all;
  for (const Activation& a : kActivations) all.emplace_back(a.name);
  return all;
}

}  // namespace

Tensor threshold(const Tensor& x) { return relu(sign(x)); }

std::span<const Activation> activations() { return kActivations; }

const Activation& activation(const std::string& name) {
  for (const Activation& a : kActivations)
    if (name == a.name) return a;
  throw UsageError(unknown_name("activation", name, names()));
}

Limits activation_choices() { return choices(names()); }

}  // namespace gradus
