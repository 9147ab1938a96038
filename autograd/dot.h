// The recorded graph as a drawing: `dot -Tsvg graph.dot`.
#pragma once

#include <span>
#include <string>
#include <utility>

#include "autograd/graph.h"

namespace gradus {

/// A tensor of the graph and what to call it in the drawing.
struct NamedTensor {
  std::string name;
  Tensor tensor;
};

/// Everything the ys were computed from, in Graphviz' DOT language: a box a primitive, an ellipse a leaf, the
/// shape of what flows on every edge; edges point the way the values flow. `names` label tensors of the
/// graph, leaves above all. Nodes are numbered in the order they were recorded, so the text depends on the
/// program only.
std::string graph_dot(std::span<const Tensor> ys, std::span<const NamedTensor> names = {});

}  // namespace gradus
