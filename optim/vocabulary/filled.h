// Slots that start at a number other than zero.
#pragma once

#include <string_view>

#include "optim/state.h"

namespace gradus {

/// The slot of a parameter's state, all `value` when it is new.
inline Tensor& filled(State& s, std::string_view slot, real value) {
  const bool is_new = !s.has(slot);
  Tensor& t = s(slot);
  if (is_new) t.copy_from(Tensor::full(t.shape(), value));
  return t;
}

}  // namespace gradus
