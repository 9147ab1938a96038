// What an optimizer remembers: named tensors ("slots") and named numbers, of one parameter, of a group or of
// the whole optimizer. A rule asks for a slot by name; the first time it is created, ever after it is there.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "core/tensor.h"

namespace gradus {

/// Everything an optimizer must save to continue bit for bit. Keys are "parameter/slot" ("fc1.weight/m"),
/// "*/name" for what belongs to the whole optimizer, "*2/name" for its group 2; a wrapper saves the optimizer
/// inside it below "inner/".
struct SavedState {
  std::map<std::string, Tensor> tensors;  ///< float32 or float64, as the library was built
  std::map<std::string, double> scalars;  ///< step counts, norms, phases; must be written exactly (17 digits)
};

class State {
 public:
  State() = default;
  /// Of a parameter: slots asked for by name alone have this shape.
  explicit State(const Shape& shape) : shape_(shape) {}

  /// The slot, zeros of the parameter's shape when it is new. References stay valid as further slots come.
  Tensor& operator()(std::string_view slot) { return (*this)(slot, shape_); }
  /// The slot, zeros of `shape` when it is new. Throws DataError if a loaded slot has another shape.
  Tensor& operator()(std::string_view slot, const Shape& shape);
  /// The slot, a copy of `initial` when it is new.
  Tensor& starting_at(std::string_view slot, const Tensor& initial);
  /// The slot if it exists, else null.
  const Tensor* find(std::string_view slot) const;
  bool has(std::string_view slot) const { return find(slot) != nullptr; }

  /// The number, `initial` when it is new.
  double& scalar(std::string_view name, double initial = 0);
  /// The number if it exists, else null.
  const double* find_scalar(std::string_view name) const;

  /// Forgets everything: the next use finds new slots.
  void clear();

  /// Bytes of all slots and numbers.
  std::size_t bytes() const;
  const std::map<std::string, Tensor, std::less<>>& slots() const { return slots_; }

  /// Writes copies of all slots and numbers under "owner/...".
  void save(const std::string& owner, SavedState& out) const;
  /// Puts one saved entry back (tensors are copied).
  void restore(const std::string& name, const Tensor& value) { slots_.insert_or_assign(name, value.clone()); }
  void restore(const std::string& name, double value) { scalars_[name] = value; }

 private:
  Shape shape_;
  std::map<std::string, Tensor, std::less<>> slots_;
  std::map<std::string, double, std::less<>> scalars_;
};

}  // namespace gradus
