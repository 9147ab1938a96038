// The buffer of critical past vectors: those of the steps with the largest priorities, which decay.
// Malviya et al., "Promoting Exploration in Memory-Augmented Adam using Critical Momenta", TMLR 2024,
// arXiv 2307.09638; predecessor: McRae et al., "Memory Augmented Optimizers for Deep Learning", ICLR 2022.
#pragma once

#include <vector>

#include "optim/rule.h"

namespace gradus {

/// The options all rules with such a buffer share.
struct CriticalOptions {
  int64 topC = 10;
  double decay = 0.7;
  bool synced = true;
  void visit(auto&& f) {
    f("topC", topC, "vectors the buffer holds", at_least(1));
    f("decay", decay, "factor on all priorities at every step", between(0, 1));
    f("synced", synced, "one priority for all tensors of a group: the sum of their gradient norms");
  }
};

/// A view of the buffer in a parameter's state: slots critical.0, critical.1, ... with their sum, numbers
/// critical.count and critical.key.0, ...
class CriticalBuffer {
 public:
  CriticalBuffer(State& s, const CriticalOptions& o) : s_(s), o_(o) {}

  bool empty() const;
  /// Sum of the vectors held, and 1/their number (0 for none).
  Tensor& sum() { return s_("critical.sum"); }
  double inverse_count();
  /// Inserts a copy of x, in place of the one with the smallest key when full, if `key` is larger than that.
  void insert(double key, const Tensor& x);
  /// The same in the caller's own pass: the slot that takes x, or null. To do for its elements: sum += x - slot, slot = x.
  Tensor* claim(double key);
  void decay();

 private:
  double& count() { return s_.scalar("critical.count"); }
  double& key(int64 i) { return s_.scalar(fmt::format("critical.key.{}", i)); }

  State& s_;
  const CriticalOptions& o_;
};

/// The priority of every parameter of the step, by Param::index.
template <class Options>
std::vector<double> critical_keys(const Pass<Options>& all) {
  std::vector<double> keys, by_group(static_cast<size_t>(all.groups));
  for (const auto& item : all.items) {
    keys.push_back(norm(item.p.grad));
    by_group[static_cast<size_t>(item.group)] += keys.back();
  }
  for (const auto& item : all.items)
    if (item.o.critical.synced) keys[item.p.index] = by_group[static_cast<size_t>(item.group)];
  return keys;
}

}  // namespace gradus
