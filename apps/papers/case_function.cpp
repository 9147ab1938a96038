#include "apps/papers/case_function.h"

#include <algorithm>

namespace gradus {
namespace {

template <class T>
const T& value_of(const CaseValues& values, const std::string& name, const char* type) {
  for (const auto& [key, value] : values.all()) {
    if (key != name) continue;
    if (const T* found = std::get_if<T>(&value)) return *found;
    fail<DataError>("'{}' does not hold {}", name, type);
  }
  fail<DataError>("'{}' is missing", name);
}

}  // namespace

std::string numbered_name(const std::string& pattern, int64 number) {
  std::string name;
  for (const char c : pattern) name += c == '#' ? std::to_string(number) : std::string(1, c);
  return name;
}

bool CaseValues::has(const std::string& name) const {
  return std::any_of(values_.begin(), values_.end(), [&](const auto& v) { return v.first == name; });
}

const Tensor& CaseValues::tensor(const std::string& name) const {
  return value_of<Tensor>(*this, name, "real numbers");
}

const IntTensor& CaseValues::ints(const std::string& name) const {
  return value_of<IntTensor>(*this, name, "integers");
}

double CaseValues::scalar(const std::string& name) const {
  const Tensor& value = tensor(name);
  if (value.numel() != 1) fail<DataError>("'{}' has shape {}, not one element", name, value.shape().str());
  return static_cast<double>(value.item());
}

std::vector<Tensor> CaseValues::tensors(const std::string& numbered) const {
  std::vector<Tensor> found;
  for (int64 i = 1; has(numbered_name(numbered, i)); ++i) found.push_back(tensor(numbered_name(numbered, i)));
  return found;
}

void CaseValues::set(const std::string& name, Value value) {
  if (has(name)) fail<Error>("value '{}' is set twice", name);
  values_.emplace_back(name, std::move(value));
}

void CaseValues::set(const std::string& name, double scalar) {
  set(name, Tensor::scalar(static_cast<real>(scalar)));
}

}  // namespace gradus
