// Benchmarks: one training step of the standard workloads, optimizer steps, derivatives, the loader, and the machine's
// own limits measured by the same program, so that every figure stands beside its bound.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <vector>

#include "apps/bench/row.h"

namespace gradus::bench {

struct Options {
  double seconds = 1;      ///< measured per row, after warm-up; at least ten steps in any case
  std::string optimizer;   ///< instead of each training workload's own; "": its own
  int64 batch = 0;         ///< instead of each training workload's own; 0: its own
  bool recompute = false;  ///< training steps compute activations again (nn/recompute.h)
};

/// A name that can be asked for, and what it measures.
struct Entry {
  std::string name, summary;
  bool on_request = false;  ///< not among those that are measured where none is named
};
/// All of them; "optim:SPEC" stands for any optimizer of the registry, "problem:SPEC" for any problem with options.
const std::vector<Entry>& workloads();

/// Measures each and hands row after row to `use`. Throws UsageError, before anything is measured, for unknown
/// workloads and optimizers (with the nearest).
void run(std::span<const std::string> workloads, const Options& options,
         const std::function<void(const Row&)>& use);

}  // namespace gradus::bench
