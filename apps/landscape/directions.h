// Directions in the space of a model's weights, along which its loss is looked at.
#pragma once

#include "autograd/functional/functional.h"
#include "autograd/parameter.h"
#include "core/rng.h"

namespace gradus {

/// Normal numbers in the shapes of the weights, together as long as these are.
Tensors random_direction(std::span<const Tensor> weights, Rng& rng);
/// Normal numbers, each filter as long as that of the weights: row by row of a weight (its first axis: filters of a
/// convolution, units of a layer). Biases and other vectors do not move.
///   d_f <- d_f*||w_f||/||d_f||
/// Li, Xu, Taylor, Studer, Goldstein, "Visualizing the Loss Landscape of Neural Nets", NeurIPS 2018, arXiv 1712.09913.
Tensors filter_direction(std::span<const Tensor> weights, Rng& rng);
/// w + a*d + b*e; e may be empty.
Tensors moved(std::span<const Tensor> w, double a, std::span<const Tensor> d, double b,
              std::span<const Tensor> e);

}  // namespace gradus
