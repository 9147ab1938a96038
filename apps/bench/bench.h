// Benchmarks: one training step of the standard workloads, optimizer steps, and the machine's own limits measured
// by the same program, so that every figure stands beside its bound.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace gradus {

struct BenchOptions {
  int threads = 0;     ///< 0: one a processor
  double seconds = 1;  ///< measured per workload, after warm-up; at least ten steps in any case
  bool json = false;   ///< one JSON object a line instead of the table
};

/// The workloads by name: training steps, "gemm", "stream", "peak"; "optim:SPEC" is any optimizer of the registry
/// on 10,000,000 parameters.
std::vector<std::string> bench_workloads();

/// Measures each (none: all) and prints to stdout. Returns the exit code 0. Throws UsageError for unknown names.
int run_bench(std::span<const std::string> workloads, const BenchOptions& options);

}  // namespace gradus
