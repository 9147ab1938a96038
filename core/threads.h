// One knob for all threads: our kernels run on OpenMP, and OpenBLAS (its OpenMP build) shares the same pool.
#pragma once

#include <algorithm>

#include "core/real.h"

namespace gradus {

/// Uses n threads (n >= 1) for kernels and BLAS from now on. Throws UsageError for n < 1.
void set_threads(int n);
/// Threads in use; at first the number of processors available to the process.
int threads();

/// Work below this many elementary operations stays on one thread.
inline constexpr int64 kParallelGrain = 32768;

/// Calls body(begin, end) on contiguous parts of 0..n-1, at most one per thread, each at least `grain` long
/// (so small work stays on the calling thread). Parts depend on n and threads() only. Exceptions must not
/// leave body.
template <class Body>
void parallel_for(int64 n, int64 grain, const Body& body) {
  const int64 parts = std::min<int64>(threads(), std::max<int64>(1, n / std::max<int64>(1, grain)));
  if (parts <= 1) {
    if (n > 0) body(int64{0}, n);
    return;
  }
#pragma omp parallel for num_threads(static_cast <int>(parts)) schedule(static, 1)
  for (int64 part = 0; part < parts; ++part) body(n * part / parts, n * (part + 1) / parts);
}

}  // namespace gradus
