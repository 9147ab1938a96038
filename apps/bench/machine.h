// What the machine can do: the bounds other figures are read against.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "apps/bench/timing.h"
#include "core/real.h"

namespace gradus::bench {

/// Multiply-adds from registers alone, all threads together, in GFLOP/s: the most that any code compiled like
/// this program can reach.
double peak_gflops(double seconds);

/// A square product of order n; its median and best time.
Timing time_gemm(int64 n, double seconds);

/// A plain pass over vectors far larger than the caches, split over all threads.
struct MemoryPass {
  std::string name;  ///< "triad: a = b + s*c"
  double bytes;      ///< read and written in one run, each element counted once a direction
  std::function<void()> run;
};
/// The triad that moves `bytes` in all: three vectors of a third of it.
MemoryPass triad_pass(double bytes);
/// Triad, update in place (a = a + s*b), copy and reading, each over `bytes`.
std::vector<MemoryPass> memory_passes(double bytes);

}  // namespace gradus::bench
