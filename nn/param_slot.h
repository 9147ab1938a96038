// The place in a layer where a parameter sits: normally it yields the parameter, but another tensor may be
// put in (functional calls, meta-gradients) or the parameter seen through a map (LoRA, weight normalisation).
#pragma once

#include <functional>
#include <memory>

#include "autograd/parameter.h"
#include "nn/init.h"

namespace gradus {

/// A shared handle; copies name the same place. A default-constructed slot is absent (a layer without bias).
class ParamSlot {
 public:
  ParamSlot() = default;
  ParamSlot(ParameterPtr parameter, Init init)
      : body_(std::make_shared<Body>(Body{std::move(parameter), std::move(init), {}, {}})) {}

  explicit operator bool() const { return body_ != nullptr; }
  bool operator==(const ParamSlot&) const = default;

  /// What the layer computes with: the tensor swapped in, else the parameter (as a constant if it is frozen),
  /// seen through the map if there is one. Undefined if absent.
  Tensor value() const;
  operator Tensor() const { return value(); }
  /// The same before the map.
  Tensor unmapped() const;

  const ParameterPtr& parameter() const { return body_->parameter; }
  const Shape& shape() const { return body_->parameter->value.shape(); }

  const Init& init() const { return body_->init; }
  /// Replaces the initialiser (models that differ from a layer's default).
  void set_init(Init init) const { body_->init = std::move(init); }
  void set_kind(ParamKind kind) const { body_->parameter->kind = kind; }
  /// From now on the layer sees map(value); an empty map ends that. The map must keep the shape.
  void set_map(std::function<Tensor(const Tensor&)> map) const { body_->map = std::move(map); }
  /// Puts `other` (undefined: nothing) in place of the parameter and returns what was there in its place.
  /// Throws ShapeError if its shape is not the parameter's.
  Tensor swap(Tensor other) const;

 private:
  struct Body {
    ParameterPtr parameter;
    Init init;
    Tensor swapped;
    std::function<Tensor(const Tensor&)> map;
  };
  std::shared_ptr<Body> body_;
};

}  // namespace gradus
