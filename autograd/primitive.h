// What a differentiable operation is: a forward kernel, its vjp and its jvp, side by side.
//
// For y = f(x_0, ..., x_n) with Jacobians J_i = dy/dx_i:
//   forward(c)      computes y from the input values c[i] with plain kernels;
//   vjp(c, g)       returns J_i' g for each input (reverse mode); an undefined entry means "no gradient";
//   jvp(c, i, t)    returns J_i t, what tangent t of input i contributes to the tangent of y (forward mode).
// vjp and jvp are written with differentiable operations, so derivatives of every order follow by themselves.
// A fast path whose vjp calls plain kernels instead gives `composite`, the same function out of other
// primitives: it serves jvp and every derivative beyond the first, and a test holds the two equal.
// A fast path of forward mode, `dual`, gives y and sum_i J_i t_i in one call of a kernel; it serves where nothing is
// differentiated further, and a test holds it equal to forward and jvp.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <typeinfo>
#include <vector>

#include "core/error.h"
#include "core/tensor.h"

namespace gradus {

/// Parameters of one call that are not differentiated: axes, strides, labels, masks.
class Attr {
 public:
  Attr() = default;
  template <class T>
  static Attr of(T value) {
    Attr a;
    a.value_ = std::make_shared<const T>(std::move(value));
    a.type_ = &typeid(T);
    return a;
  }
  bool defined() const { return value_ != nullptr; }
  template <class T>
  const T& as() const {
    if (!type_ || *type_ != typeid(T)) fail<GraphError>("primitive attribute is not a {}", typeid(T).name());
    return *static_cast<const T*>(value_.get());
  }

 private:
  std::shared_ptr<const void> value_;
  const std::type_info* type_ = nullptr;
};

using Grads = std::vector<Tensor>;
/// A value and its tangent.
struct Dual {
  Tensor value, tangent;
};
struct Primitive;
class Node;

/// What a forward kernel keeps for the first-order vjp: values without derivatives.
struct Kept {
  std::vector<Tensor> tensors;
  std::vector<IntTensor> ints;
};

/// What a primitive's rules see of one call.
class Ctx {
 public:
  Ctx(const Primitive& primitive, std::span<const Tensor> inputs, const Attr& attr)
      : primitive_(&primitive), inputs_(inputs), attr_(&attr) {}

  /// Value of input i, with its derivative information. Throws GraphError if the primitive did not save it.
  const Tensor& operator[](int i) const;
  /// The output. In vjp only if the primitive saves it.
  const Tensor& out() const;
  /// Shape of input i, saved or not.
  const Shape& shape(int i) const;
  int inputs() const { return static_cast<int>(inputs_.size()); }
  std::span<const Tensor> all() const { return inputs_; }
  /// In vjp: is the gradient of input i wanted? Skip the work where not.
  bool needs(int i) const { return needs_.empty() || needs_[static_cast<size_t>(i)] != 0; }
  template <class T>
  const T& attr() const {
    return attr_->as<T>();
  }

  /// forward may keep what a first-order vjp wants to reuse (argmax indices, row statistics): values without
  /// derivatives.
  void keep(Tensor t) const { own_.tensors.push_back(std::move(t)); }
  void keep(IntTensor t) const { own_.ints.push_back(std::move(t)); }
  const Tensor& kept(int k) const { return (kept_ ? kept_ : &own_)->tensors.at(static_cast<size_t>(k)); }
  const IntTensor& kept_ints(int k) const { return (kept_ ? kept_ : &own_)->ints.at(static_cast<size_t>(k)); }
  /// Whether anything will be differentiated; forward need not keep anything otherwise.
  bool recording() const { return recording_; }
  /// The same call, attributes and all, on other inputs: the jvp of a linear map is the map itself.
  Tensor again(std::initializer_list<Tensor> inputs) const;

 private:
  friend struct CtxAccess;
  const Primitive* primitive_;
  std::span<const Tensor> inputs_;
  const Attr* attr_;
  const Node* node_ = nullptr;           // whose vjp this is, if it is one
  std::span<const Shape> shapes_;        // of the inputs, where neither node_ nor the inputs tell
  std::span<const std::uint8_t> needs_;  // empty: all
  const Tensor* out_ = nullptr;          // undefined or null: not saved
  const Kept* kept_ = nullptr;           // of an earlier forward; null: own_
  bool recording_ = false;
  mutable Kept own_;
};

/// Which values the vjp reads; everything else is freed after the forward pass.
using Saves = std::uint32_t;
inline constexpr Saves kSaveNothing = 0, kSaveOutput = Saves{1} << 31, kSaveInputs = kSaveOutput - 1;
constexpr Saves save_input(int i) { return Saves{1} << i; }

struct Primitive {
  const char* name;
  std::function<Tensor(const Ctx&)> forward;
  std::function<Grads(const Ctx&, const Tensor& g)> vjp = nullptr;
  std::function<Tensor(const Ctx&, int i, const Tensor& t)> jvp = nullptr;
  std::function<Tensor(const Ctx&)> composite = nullptr;
  Saves saves = kSaveInputs;
  /// t[i] is undefined where input i has no tangent. Values without derivatives in and out; an undefined value leaves
  /// the call to forward and jvp.
  std::function<Dual(const Ctx&, std::span<const Tensor> t)> dual = nullptr;
};

/// Runs a primitive and, where an input carries derivative information, records the call and propagates
/// tangents. The primitive must outlive all graphs that use it (make it a namespace-scope constant).
Tensor apply(const Primitive& primitive, std::span<const Tensor> inputs, Attr attr = {});
Tensor apply(const Primitive& primitive, std::initializer_list<Tensor> inputs, Attr attr = {});

}  // namespace gradus
