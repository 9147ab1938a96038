#include "nn/param_slot.h"

namespace gradus {

Tensor ParamSlot::value() const {
  if (!body_) return {};
  const Parameter& p = *body_->parameter;
  Tensor t = body_->swapped.defined() ? body_->swapped : p.frozen ? p.value.detach() : p.value;
  if (!body_->map) return t;
  t = body_->map(t);
  if (!(t.shape() == p.value.shape()))
    fail<ShapeError>("{}: its map gave shape {} instead of {}", p.name, t.shape().str(),
                     p.value.shape().str());
  return t;
}

Tensor ParamSlot::swap(Tensor other) const {
  if (other.defined() && !(other.shape() == shape()))
    fail<ShapeError>("{}: a tensor of shape {} cannot stand in for shape {}", body_->parameter->name,
                     other.shape().str(), shape().str());
  return std::exchange(body_->swapped, std::move(other));
}

}  // namespace gradus
