// A part of a network that is differentiated by itself: a function of its own parameters and its input. What is known of the
// loss reaches it as a cotangent of its output; no derivative leaves it through its input.
#pragma once

#include <functional>
#include <span>
#include <vector>

#include "autograd/graph.h"

namespace gradus {

struct LocalLayer {
  /// Differentiable in both arguments.
  std::function<Tensor(std::span<const Tensor> params, const Tensor& x)> function;
  std::vector<Tensor> params;

  Tensor operator()(const Tensor& x) const { return function(params, x); }
  /// J' g for each parameter, J the Jacobian of the output at the constant input x. Throws ShapeError for a cotangent of
  /// another shape than the output's.
  std::vector<Tensor> pull_back(const Tensor& x, const Tensor& cotangent) const;
};

}  // namespace gradus
