#include "optim/state_archive.h"

#include "optim/optimizer.h"

namespace gradus {

double StateArchive::found(const std::string& name) const {
  const auto at = from_->scalars.find(prefix_ + name);
  if (at == from_->scalars.end()) fail<DataError>("saved state: there is no '{}'", prefix_ + name);
  return at->second;
}

size_t StateArchive::checked_size(const std::string& name, int64 size) const {
  if (size < 0 || size > (int64{1} << 31))
    fail<DataError>("saved state: '{}' of size {}", prefix_ + name, size);
  return static_cast<size_t>(size);
}

void StateArchive::operator()(const std::string& name, Tensor& value) const {
  if (!loads()) {
    if (value.defined()) to_->tensors[prefix_ + name] = value.detach().clone();
    return;
  }
  const auto at = from_->tensors.find(prefix_ + name);
  value = at == from_->tensors.end() ? Tensor() : at->second.clone();
}

void StateArchive::operator()(const std::string& name, IntTensor& value) const {
  std::vector<int64> shape, values;
  bool there = value.defined();
  (*this)(name + "/there", there);
  if (!there) {
    value = IntTensor();
    return;
  }
  if (!loads()) {
    for (int i = 0; i < value.rank(); ++i) shape.push_back(value.dim(i));
    values = value.values();
  }
  (*this)(name + "/shape", shape);
  (*this)(name + "/values", values);
  if (loads()) value = IntTensor::from(Shape(shape), values);
}

void StateArchive::operator()(const std::string& name, double& value) const {
  if (loads())
    value = found(name);
  else
    to_->scalars[prefix_ + name] = value;
}

void StateArchive::operator()(const std::string& name, int64& value) const {
  double number = static_cast<double>(value);
  (*this)(name, number);
  value = static_cast<int64>(number);
}

void StateArchive::operator()(const std::string& name, bool& value) const {
  double number = value;
  (*this)(name, number);
  value = number != 0;
}

void StateArchive::operator()(const std::string& name, std::optional<double>& value) const {
  if (!loads()) {
    if (value) to_->scalars[prefix_ + name] = *value;
    return;
  }
  value.reset();
  if (from_->scalars.contains(prefix_ + name)) value = found(name);
}

void StateArchive::operator()(const std::string& name, SavedState& part) const {
  if (loads())
    part = saved_below(*from_, prefix_ + name + "/");
  else
    save_below(prefix_ + name + "/", part, *to_);
}

}  // namespace gradus
