// A fully connected network as bare tensors W1, b1, ..., Wn, bn: for methods that treat all parameters as one point.
#pragma once

#include <span>

#include "nn/layers/activation.h"

namespace gradus {

/// h = act(h W' + b) for every layer but the last, which has no activation; x (N, in) -> (N, out). W (out, in), b (out).
/// Throws ShapeError unless the parameters come in pairs that fit.
Tensor dense_network(std::span<const Tensor> params, const Activation& act, const Tensor& x);

}  // namespace gradus
