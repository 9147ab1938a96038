#include "optim/state.h"

#include "core/error.h"

namespace gradus {

Tensor& State::operator()(std::string_view slot, const Shape& shape) {
  const auto it = slots_.find(slot);
  if (it == slots_.end()) return slots_.emplace(slot, Tensor::zeros(shape)).first->second;
  if (!(it->second.shape() == shape))
    fail<DataError>("optimizer state: slot '{}' has shape {}, needs {}", slot, it->second.shape().str(),
                    shape.str());
  return it->second;
}

Tensor& State::starting_at(std::string_view slot, const Tensor& initial) {
  if (auto it = slots_.find(slot); it != slots_.end()) return it->second;
  return slots_.emplace(slot, initial.clone()).first->second;
}

const Tensor* State::find(std::string_view slot) const {
  const auto it = slots_.find(slot);
  return it == slots_.end() ? nullptr : &it->second;
}

double& State::scalar(std::string_view name, double initial) {
  if (auto it = scalars_.find(name); it != scalars_.end()) return it->second;
  return scalars_.emplace(name, initial).first->second;
}

const double* State::find_scalar(std::string_view name) const {
  const auto it = scalars_.find(name);
  return it == scalars_.end() ? nullptr : &it->second;
}

void State::clear() {
  slots_.clear();
  scalars_.clear();
}

std::size_t State::bytes() const {
  std::size_t sum = scalars_.size() * sizeof(double);
  for (const auto& [name, tensor] : slots_) sum += static_cast<std::size_t>(tensor.numel()) * sizeof(real);
  return sum;
}

void State::save(const std::string& owner, SavedState& out) const {
  for (const auto& [name, tensor] : slots_) out.tensors[owner + "/" + name] = tensor.clone();
  for (const auto& [name, value] : scalars_) out.scalars[owner + "/" + name] = value;
}

}  // namespace gradus
