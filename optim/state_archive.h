// One description of what an object remembers, for saving and for loading alike.
//
//   void TaskGradients::state(StateArchive archive) { archive("params", params_); archive("n", n_); }
// Saved values are copies; loaded ones get storage of their own.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/error.h"
#include "optim/state.h"

namespace gradus {

class StateArchive {
 public:
  static StateArchive saving(SavedState& to) { return StateArchive(&to, nullptr, ""); }
  static StateArchive loading(const SavedState& from) { return StateArchive(nullptr, &from, ""); }
  bool loads() const { return from_ != nullptr; }
  /// The same for a part of the object: its names stand below this one.
  StateArchive below(const std::string& name) const { return StateArchive(to_, from_, prefix_ + name + "/"); }

  // Each writes its argument or, loading, sets it. Throws DataError for a name that was not saved.
  void operator()(const std::string& name, Tensor& value) const;  ///< an undefined one stays undefined
  void operator()(const std::string& name, IntTensor& value) const;
  void operator()(const std::string& name, double& value) const;
  void operator()(const std::string& name, int64& value) const;  ///< exact up to 2^53
  void operator()(const std::string& name, bool& value) const;
  void operator()(const std::string& name, std::optional<double>& value) const;
  template <class T>
  void operator()(const std::string& name, std::vector<T>& values) const {
    auto size = std::ssize(values);
    const StateArchive part = below(name);
    part("size", size);
    if (loads()) values.assign(checked_size(name, size), T());
    for (size_t i = 0; i < values.size(); ++i) part(fmt::format("{}", i), values[i]);
  }
  /// What another object saves of itself, whole.
  void operator()(const std::string& name, SavedState& part) const;

 private:
  StateArchive(SavedState* to, const SavedState* from, std::string prefix)
      : to_(to), from_(from), prefix_(std::move(prefix)) {}
  double found(const std::string& name) const;
  size_t checked_size(const std::string& name, int64 size) const;

  SavedState* to_;
  const SavedState* from_;
  std::string prefix_;
};

}  // namespace gradus
