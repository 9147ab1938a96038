// Sums over a batch whose result is the same on every run with as many threads: each thread adds up a fixed
// part of the batch in a buffer of its own, and the buffers are added in order.
#pragma once

#include <algorithm>
#include <vector>

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

/// The same where body may be called for any stretch, however short: what it adds up in `real` is carried to double after
/// every kStretch items, so that errors do not grow with n.
template <class Body>
void sum_stretches_in_parts(int64 n, int64 grain, int64 size, real* out, const Body& body) {
  constexpr int64 kStretch = 32;
  sum_in_parts(n, grain, size, out, [&](int64 begin, int64 end, real* sums) {
    if (end - begin <= kStretch) return body(begin, end, sums);
    std::vector<double> total(static_cast<size_t>(size), 0.0);
    for (int64 from = begin; from < end; from += kStretch) {
      std::fill_n(sums, size, real{0});
      body(from, std::min(end, from + kStretch), sums);
      for (int64 i = 0; i < size; ++i) total[static_cast<size_t>(i)] += static_cast<double>(sums[i]);
    }
    std::copy_n(total.data(), size, sums);
  });
}

}  // namespace gradus::kernels
