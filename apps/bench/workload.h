// The workloads that are a training step.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "core/data_shape.h"

namespace gradus::bench {

/// A model of the registry trained on random data of a fixed batch size.
struct Workload {
  const char* name;
  const char* model;
  const char* optimizer;
  int64 batch;
  DataShape data;
  /// Of one step, forward and backward (three times forward; twice where the weights are frozen), convolutions counted as direct.
  double gflop;
  const char* adapter =
      nullptr;  ///< beside frozen weights (nn/adapters/registry.h); only it and the head are trained
};
const std::vector<Workload>& training_workloads();
/// Larger networks, measured only where they are named.
const std::vector<Workload>& large_workloads();

/// One step ready to run again and again.
struct Step {
  std::function<void()> run;
  int64 parameters = 0;
  double bytes = 0;  ///< an optimizer's: what it moves a step (state_cost)
};
/// Forward, loss, backward and a step of `optimizer` (any of the registry; "": the workload's own). `batch` 0: the
/// workload's own; `recompute`: activations of its blocks are computed again in the backward pass. Throws UsageError for an optimizer that
/// needs what a model and a batch cannot give, and for a model without blocks to recompute.
Step training_step(const Workload& workload, const std::string& optimizer, int64 batch = 0,
                   bool recompute = false);
/// One step of an optimizer ("adam:lr=1e-3") on a matrix of 10,000,000 parameters with a random gradient.
Step optimizer_step(const std::string& spec);
/// Value and gradient of a small problem ("matrix-sensing:condition=100", optim/problems/registry.h) and a step of `optimizer` on it.
/// Throws UsageError for an optimizer that asks for more than the loss and its gradient.
Step problem_step(const std::string& problem, const std::string& optimizer);

/// Throws UsageError for a spec that names no optimizer or is wrong, before anything is measured.
void check_optimizer(const std::string& spec);

}  // namespace gradus::bench
