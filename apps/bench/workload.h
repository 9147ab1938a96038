// The workloads that are a training step.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "core/data_shape.h"

namespace gradus {

/// A model of the registry trained on random data of a fixed batch size.
struct Workload {
  const char* name;
  const char* model;
  const char* optimizer;
  int64 batch;
  DataShape data;
  double gflop;  ///< of one step, forward and backward (three times forward), convolutions counted as direct
};
const std::vector<Workload>& training_workloads();

/// One step ready to run again and again.
struct Step {
  std::function<void()> run;
  int64 parameters = 0;
};
Step training_step(const Workload& workload);
/// One step of an optimizer ("adam:lr=1e-3") on a matrix of 10,000,000 parameters with a random gradient.
Step optimizer_step(const std::string& spec);

}  // namespace gradus
