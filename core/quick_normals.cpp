#include "core/quick_normals.h"

#include <algorithm>

#include "core/box_muller.h"
#include "core/philox.h"
#include "core/threads.h"

namespace gradus {

Tensor quick_normal_tensor(Rng& rng, const Shape& shape) {
  constexpr int64 kNumbers = 4 * kTogether;  // of a row of blocks
  Rng::State from = rng.state();
  Tensor t(shape);
  const int64 n = t.numel();
  real* out = t.mutable_data();
  parallel_for((n + kNumbers - 1) / kNumbers, kParallelGrain / kNumbers, [&](int64 begin, int64 end) {
    Blocks r;
    std::array<real, kNumbers> z;
    for (int64 row = begin; row < end; ++row) {
      philox_row(from.counter + static_cast<std::uint64_t>(row * kTogether), from.stream, from.seed, r);
      for (std::size_t pair = 0; pair < 2; ++pair)
        for (std::size_t j = 0; j < kTogether; ++j)
          box_muller::quick_pair(r[2 * pair][j], r[2 * pair + 1][j], z[2 * pair * kTogether + j],
                                 z[(2 * pair + 1) * kTogether + j]);
      std::copy_n(z.data(), std::min(kNumbers, n - row * kNumbers), out + row * kNumbers);
    }
  });
  from.counter += static_cast<std::uint64_t>(n);
  rng.set_state(from);
  return t;
}

}  // namespace gradus
