// Whether a step that is made again and again stops asking the system for memory.
#pragma once

#include "core/allocator.h"

namespace gradus::tests {

/// Runs `step` until three in a row take nothing from the system; false where that does not happen within `most`.
template <class Step>
bool settles(const Step& step, int most = 40) {
  int quiet = 0;
  for (int k = 0; k < most && quiet < 3; ++k) {
    const auto before = allocator_stats().system_allocations;
    step();
    quiet = allocator_stats().system_allocations == before ? quiet + 1 : 0;
  }
  return quiet == 3;
}

}  // namespace gradus::tests
