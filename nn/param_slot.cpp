#include "nn/param_slot.h"

namespace gradus {

Tensor ParamSlot::unmapped() const {
  if (!body_) return {};
  const Parameter& p = *body_->parameter;
  return body_->swapped.defined() ? body_->swapped : p.frozen ? p.value.detach() : p.value;
}

Tensor ParamSlot::value() const {
  Tensor t = unmapped();
  if (!body_ || !body_->map) return t;
  const Parameter& p = *body_->parameter;
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
