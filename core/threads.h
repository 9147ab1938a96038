// One knob for all threads, and one pool of them: parallel loops run on it, and matrix products by BLAS are such loops
// of products on one thread each.
#pragma once

#include "core/real.h"

namespace gradus {

/// Divides the loops of kernels and BLAS among n threads (n >= 1) from now on. Of more than there are processors
/// (core/processors.h), as many as these are at work, each with several parts: the results are those of n threads, and none waits for
/// one that waits for its processor. Throws UsageError for n < 1.
void set_threads(int n);
/// Threads in use; at first the number of processors available to the process.
int threads();

/// Work below this many elementary operations stays on one thread.
inline constexpr int64 kParallelGrain = 32768;

/// Whether the calling thread is at work for a parallel_for: another one from here would run on this thread alone.
bool in_parallel();

namespace detail {
using RangeBody = void (*)(const void* body, int64 begin, int64 end);
void parallel_for(int64 n, int64 grain, RangeBody run, const void* body);
}  // namespace detail

/// Calls body(begin, end) on contiguous parts of 0..n-1, at most one per thread, each at least `grain` long
/// (so small work stays on the calling thread). Parts depend on n and threads() only. Exceptions must not
/// leave body.
///
/// The body is compiled once and called through a pointer, also for a single part: so its rounding cannot depend on
/// the number of threads, and whoever includes this needs no OpenMP flags.
template <class Body>
void parallel_for(int64 n, int64 grain, const Body& body) {
  detail::parallel_for(
      n, grain, [](const void* b, int64 begin, int64 end) { (*static_cast<const Body*>(b))(begin, end); },
      &body);
}

}  // namespace gradus
