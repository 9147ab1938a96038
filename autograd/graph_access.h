// Internal to autograd: the parts of nodes and contexts that only the engine touches.
#pragma once

#include "autograd/graph.h"

namespace gradus {

struct GraphAccess {
  static Ref<Node> new_node(const Primitive& p, Attr attr);
  /// Saves what the primitive's vjp will read, and takes over what its forward kept.
  static void save(Node& node, const Primitive& p, std::span<const Tensor> inputs, const Tensor& y,
                   const Ctx& forward);
  /// Gradients of the node's inputs for cotangent g; needs[i] tells which are wanted. Checks versions.
  static Grads vjp(const Node& node, const Tensor& g, std::span<const std::uint8_t> needs);
  /// Throws a NumericError naming the node if a gradient it hands on is NaN or infinite.
  static void check_finite_gradients(const Node& node, const Grads& grads);
  /// The vjp rule of the node's call at other values (some samples of a batch): inputs not saved are undefined and
  /// known by their shapes. First order only, and not for rules that read attributes tied to the saved shapes.
  static Grads vjp_at(const Node& node, std::span<const Tensor> inputs, std::span<const Shape> shapes,
                      const Tensor& out, const Tensor& g, std::span<const std::uint8_t> needs);
  /// The saved output; undefined if not saved.
  static const Tensor& output(const Node& node) { return node.output_; }
  /// Drops saved values and edges.
  static void free(Node& node);
  static bool freed(const Node& node) { return node.freed_; }
  static const Kept& kept(const Node& node) { return node.kept_; }

  static Tensor tangent(const Tensor& t, int level);
  static bool level_is_open(int level);
  /// Whether tangents of this (open) level are recorded for reverse mode.
  static bool level_is_recorded(int level);
  static bool trace_non_finite();
};

struct CtxAccess {
  static Ctx for_forward(const Primitive& p, std::span<const Tensor> inputs, const Attr& attr,
                         bool recording);
  /// `out` must outlive the context.
  static Ctx for_jvp(const Primitive& p, std::span<const Tensor> inputs, const Attr& attr, const Tensor& out,
                     const Ctx& forward);
  static Ctx for_vjp(const Node& node, std::span<const Tensor> inputs, const Tensor& out,
                     std::span<const std::uint8_t> needs);
  static Ctx for_vjp_at(const Node& node, std::span<const Tensor> inputs, std::span<const Shape> shapes,
                        const Tensor& out, std::span<const std::uint8_t> needs);
  static Kept take_kept(const Ctx& c) { return std::move(c.own_); }
};

/// x under a new identity, so that a derivative with respect to it sees its uses as this argument only.
/// Connected: derivatives flow on to x where x carries a graph; else the result is a leaf. Tangents stay.
Tensor fresh_argument(const Tensor& x, bool connected);
/// x cut off from its graph, tangents kept.
Tensor without_node(const Tensor& x);

}  // namespace gradus
