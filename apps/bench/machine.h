// What the machine can do: the bounds other figures are read against.
#pragma once

#include "core/real.h"

namespace gradus {

/// Multiply-adds from registers alone, all threads together, in GFLOP/s: the most that any code compiled like
/// this program can reach.
double peak_gflops(double seconds);
/// GFLOP/s of a square product of order n.
double gemm_gflops(int64 n, double seconds);
/// Bytes moved per second, in GB/s, by a = b + s*c on vectors far larger than the caches, all threads together.
double stream_gigabytes(double seconds);

}  // namespace gradus
