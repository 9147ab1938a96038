// Sums over a batch whose result is the same on every run with as many threads: each thread adds up a fixed
// part of the batch in a buffer of its own, and the buffers are added in order.
#pragma once

#include <algorithm>

#include "core/tensor.h"
#include "core/threads.h"

namespace gradus::kernels {

/// out[0..size-1] = sum over 0..n-1 of what body(begin, end, sums) adds to `sums` for its part of them. Parts
/// are at least `grain` long; `sums` starts at zero.
template <class Body>
void sum_in_parts(int64 n, int64 grain, int64 size, real* out, const Body& body) {
  const int64 parts = std::clamp<int64>(n / std::max<int64>(1, grain), 1, threads());
  Tensor others({parts - 1, size});
  real* p = others.mutable_data();
  parallel_for(parts, 1, [&](int64 first, int64 last) {
    for (int64 part = first; part < last; ++part) {
      real* sums = part ? p + (part - 1) * size : out;
      std::fill_n(sums, size, real{0});
      body(n * part / parts, n * (part + 1) / parts, sums);
    }
  });
  if (parts == 1) return;
  parallel_for(size, kParallelGrain, [&](int64 begin, int64 end) {
    for (int64 part = 1; part < parts; ++part)
      for (int64 i = begin; i < end; ++i) out[i] += p[(part - 1) * size + i];
  });
}

}  // namespace gradus::kernels
