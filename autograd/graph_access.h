// Internal to autograd: the parts of nodes and contexts that only the engine touches.
#pragma once

#include <unordered_map>

#include "autograd/graph.h"

namespace gradus {

struct GraphAccess {
  static Ref<Node> new_node(const Primitive& p, const Attr& attr);
  /// Saves what the primitive's vjp will read.
  static void save(Node& node, const Primitive& p, std::span<const Tensor> inputs, const Tensor& y,
                   const Ctx& forward);
  /// Gradients of the node's inputs for cotangent g; needs[i] tells which are wanted. Checks versions and
  /// shapes.
  static Grads vjp(const Node& node, const Tensor& g, std::vector<bool> needs);
  /// Throws a NumericError naming the node if a gradient it hands on is NaN or infinite.
  static void check_finite_gradients(const Node& node, const Grads& grads);
  /// Drops saved values and edges.
  static void free(Node& node);
  static bool freed(const Node& node) { return node.freed_; }

  static Tensor tangent(const Tensor& t, int level);
  static bool level_is_open(int level);
  static bool record_tangents();
  static void set_record_tangents(bool on);
  static bool trace_non_finite();
};

struct CtxAccess {
  static Ctx for_forward(const Primitive& p, std::span<const Tensor> inputs, const Attr& attr,
                         bool recording);
  static Ctx for_jvp(const Primitive& p, std::span<const Tensor> inputs, const Attr& attr, Tensor out,
                     const Ctx& forward);
  static Ctx for_vjp(const Primitive& p, std::span<const Tensor> inputs, const Attr& attr,
                     std::span<const Shape> shapes, Tensor out, std::vector<bool> needs,
                     const std::vector<Tensor>& kept, const std::vector<IntTensor>& ints);
  static const std::vector<Tensor>& kept(const Ctx& c) { return c.kept_; }
  static const std::vector<IntTensor>& kept_ints(const Ctx& c) { return c.kept_ints_; }
};

/// Gradients of `ys` as grad() computes them, but nothing below the xs is visited (internal: derivatives of
/// composites).
std::vector<Tensor> grad_down_to(const Tensor& y, std::span<const Tensor> xs, const Tensor& cotangent,
                                 bool create_graph);

}  // namespace gradus
