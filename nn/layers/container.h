// Modules made of modules.
#pragma once

#include "nn/module.h"

namespace gradus {

/// Calls its children one after the other; they are named "0", "1", ... as torch names them.
class Sequential : public Module {
 public:
  template <class M, class... Args>
  M& push(Args&&... args) {
    return add<M>(std::to_string(size()), std::forward<Args>(args)...);
  }
  /// Appends a module that was made elsewhere.
  template <class M>
  M& push(std::unique_ptr<M> made) {
    return adopt(std::to_string(size()), std::move(made));
  }
  int64 size() const { return static_cast<int64>(children().size()); }
  Module& operator[](int64 i) { return *children().at(static_cast<size_t>(i)).module; }

  Tensor forward(const Input& x) override;
  bool is_list() const override { return true; }
  std::string describe() const override { return "Sequential"; }
};

/// Children named "0", "1", ... without a function of its own: torch's ModuleList. M is their type.
template <class M>
class ModuleList : public Module {
 public:
  template <class... Args>
  M& push(Args&&... args) {
    items_.push_back(&add<M>(std::to_string(items_.size()), std::forward<Args>(args)...));
    return *items_.back();
  }
  const std::vector<M*>& items() const { return items_; }
  size_t size() const { return items_.size(); }
  M& operator[](size_t i) const { return *items_.at(i); }

  Tensor forward(const Input&) override { fail<UsageError>("ModuleList: has no function; call its items"); }
  /// f(item, index) for each, with the list's name in the path of errors.
  template <class F>
  void for_each(F&& f) {
    const ModuleScope scope(name());
    for (size_t i = 0; i < items_.size(); ++i) f(*items_[i], i);
  }
  bool is_list() const override { return true; }
  std::string describe() const override { return "ModuleList"; }

 private:
  std::vector<M*> items_;
};

/// (N, ...) -> (N, rest).
class Flatten : public Module {
 public:
  Tensor forward(const Input& x) override;
  std::string describe() const override { return "Flatten"; }
};

}  // namespace gradus
