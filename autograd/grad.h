// Reverse mode: gradients of recorded tensors.
#pragma once

#include <span>
#include <vector>

#include "autograd/graph.h"

namespace gradus {

struct GradOptions {
  bool create_graph = false;  ///< record the backward pass itself, for higher derivatives
  bool retain_graph = false;  ///< keep the graph usable afterwards (implied by create_graph)
  bool allow_unused =
      false;  ///< an input that y does not depend on gets an undefined tensor instead of a GraphError
};

/// J' g: gradients of sum(ys * cotangents) with respect to each of xs (leaves or interior tensors of the
/// graph). An undefined cotangent stands for ones. Shapes: result[i] like xs[i]. Throws GraphError for a y
/// that was not recorded, an unused x, a freed graph, a saved value changed in place.
std::vector<Tensor> grad(std::span<const Tensor> ys, std::span<const Tensor> xs,
                         std::span<const Tensor> cotangents, const GradOptions& options = {});
/// The gradient of a single y.
std::vector<Tensor> grad(const Tensor& y, std::span<const Tensor> xs, const GradOptions& options = {});
std::vector<Tensor> grad(const Tensor& y, std::initializer_list<Tensor> xs, const GradOptions& options = {});

}  // namespace gradus
