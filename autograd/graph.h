// The recorded graph: nodes, what hangs on a tensor, and the thread's modes.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "autograd/primitive.h"

namespace gradus {

/// One recorded call of a primitive, or a leaf (primitive == nullptr).
class Node : public RefCounted {
 public:
  struct Input {
    Ref<Node> node;  ///< where the input came from; null for constants
    Shape shape;
    std::uint32_t version;  ///< of the storage when its value was saved
  };

  Node(const Primitive* primitive, Attr attr);
  ~Node() override;

  const Primitive* primitive() const { return primitive_; }
  const char* name() const { return primitive_ ? primitive_->name : "leaf"; }
  const Attr& attr() const { return attr_; }
  std::uint64_t id() const { return id_; }  ///< grows with creation: inputs always have smaller ids
  const std::vector<Input>& inputs() const { return inputs_; }
  /// Shape of input i, whether its value was saved or not.
  const Shape& input_shape(size_t i) const { return inputs_[i].shape; }
  /// The module path the call was made in; known only if a TraceNonFinite was alive then.
  const std::string& module() const { return module_; }
  /// Saved value of each input; undefined where the primitive's vjp does not read it.
  const std::vector<Tensor>& saved() const { return values_; }

 private:
  friend struct GraphAccess;
  void destroy() const override;

  const Primitive* primitive_;
  Attr attr_;
  std::uint64_t id_;
  std::vector<Input> inputs_;
  std::string module_;
  std::vector<Tensor> values_;
  Tensor output_;  // without its node (that would be a cycle); undefined unless saved
  std::uint32_t output_version_ = 0;
  bool recompute_output_ = false;
  bool any_tangent_ = false;  // some saved value carries a tangent
  bool freed_ = false;
  Kept kept_;
};

/// Derivative information of a tensor: its node (reverse mode) and its tangents (forward mode), one a jvp
/// level.
class GradMeta : public TensorMeta {
 public:
  Ref<Node> node;
  std::vector<std::pair<int, Tensor>> tangents;  // ascending levels
};

/// The node of a tensor, or null.
Node* node_of(const Tensor& t);
/// Nodes alive in this process (leak tests).
int64 live_nodes();

/// A leaf: same storage, differentiable. `grad(y, {variable})` finds it by identity.
Tensor variable(const Tensor& value);
/// True if y = f(t) would be recorded.
bool requires_grad(const Tensor& t);
/// True if y = f(t) would be recorded or given a tangent: whatever computes f must then be differentiable
/// itself. False for an undefined t.
bool differentiated(const Tensor& t);
/// The value without any derivative information (also called stop_gradient).
inline Tensor stop_gradient(const Tensor& t) { return t.detach(); }

/// Whether this thread records calls. On at first.
bool recording();
/// Sets recording for a scope.
class Recording {
 public:
  explicit Recording(bool on);
  ~Recording();
  Recording(const Recording&) = delete;
  Recording& operator=(const Recording&) = delete;

 private:
  bool before_;
};

/// While alive, every primitive's output, and in a backward pass every gradient it hands on, is checked; the
/// first NaN or infinity throws a NumericError that names the primitive and the module path.
class TraceNonFinite {
 public:
  TraceNonFinite();
  ~TraceNonFinite();

 private:
  bool before_;
};

/// Whether tangents are themselves recorded for reverse mode. Unrecorded ones are cheaper; nothing can then
/// be differentiated in reverse through them.
enum class Tangents { kRecorded, kUnrecorded };

/// One level of forward mode. Tangents set inside die with the scope; using them later throws GraphError.
/// Scopes may nest: an inner tangent may carry an outer one.
class JvpScope {
 public:
  explicit JvpScope(Tangents mode = Tangents::kRecorded);
  ~JvpScope();
  JvpScope(const JvpScope&) = delete;
  JvpScope& operator=(const JvpScope&) = delete;
  int level() const { return level_; }
  /// x with tangent t on this level (same shape, else ShapeError). A node of x is kept. Throws GraphError if
  /// x has a tangent on this level already.
  Tensor dual(const Tensor& x, const Tensor& t) const;
  /// The tangent of y on this level (zeros if y does not depend on any dual), and y without it.
  Tensor tangent(const Tensor& y) const;
  Tensor primal(const Tensor& y) const;

 private:
  int level_;
};

}  // namespace gradus
