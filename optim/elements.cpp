#include "optim/elements.h"

#include <atomic>
#include <cmath>

namespace gradus {

double norm(const Tensor& t) { return std::sqrt(sum_of_squares(t)); }

// x * 0 is 0 for every number and NaN for an infinity or a NaN; a sum keeps any NaN. The sums stay in `real`: no
// conversion, so that the pass runs at the speed of memory.
bool all_finite(const Tensor& t) {
  constexpr int64 kLanes = 128;
  const real* x = t.data();
  const int64 n = t.numel(), blocks = (n + kLanes - 1) / kLanes;
  std::atomic<bool> finite = true;
  parallel_for(blocks, kParallelGrain / kLanes, [&](int64 begin, int64 end) {
    std::array<real, kLanes> lanes{};
    for (int64 b = begin; b < end; ++b) {
      const real* from = x + b * kLanes;
      const int64 width = std::min(kLanes, n - b * kLanes);
      if (width == kLanes)
        for (size_t j = 0; j < kLanes; ++j) lanes[j] += from[j] * real{0};
      else
        for (int64 j = 0; j < width; ++j) lanes[0] += from[j] * real{0};
    }
    for (real lane : lanes)
      if (lane != 0) finite = false;
  });
  return finite;
}

}  // namespace gradus
