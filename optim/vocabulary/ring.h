// The last few gradients of a parameter, in its state.
#pragma once

#include <fmt/format.h>

#include "optim/elements.h"
#include "optim/state.h"

namespace gradus {

/// A ring of `capacity` tensors in the slots ring.0, ring.1, ...; the number ring.pushed counts all that ever
/// came.
class Ring {
 public:
  Ring(State& s, int64 capacity) : s_(s), capacity_(capacity) {}
  void push(const Tensor& x) {
    for_each_element(open(), x, [](real& to, real from) { to = from; });
  }
  /// The place of one more tensor, to be written: what was the oldest, once the ring is full.
  Tensor& open() {
    Tensor& place = slot(pushed());
    s_.scalar("ring.pushed") += 1;
    return place;
  }
  bool full() { return pushed() >= capacity_; }
  /// The i-th of the tensors held, oldest first; the ring must be full.
  const Tensor& operator[](int64 i) { return slot(pushed() + i); }
  /// The i-th newest.
  const Tensor& newest(int64 i) { return slot(pushed() - 1 - i); }
  /// Tensors that ever came.
  int64 pushed() { return static_cast<int64>(s_.scalar("ring.pushed")); }

 private:
  Tensor& slot(int64 i) { return s_(fmt::format("ring.{}", i % capacity_)); }

  State& s_;
  int64 capacity_;
};

}  // namespace gradus
