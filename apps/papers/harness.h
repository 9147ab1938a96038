// Runs an experiment: every arm's trials on the validation split, by seeds of their own; then the best settings of each arm on
// the test set, by the same seeds for all; then the claims. What is in the store already is not run again.
#pragma once

#include "apps/papers/crew.h"
#include "apps/papers/progress.h"

namespace gradus {

/// Throws Interrupted when `stop` says so, with all finished runs stored. The record lacks only what the command knows
/// (command, version, machine); its minutes are those that all its runs took, divided by the crew's slots.
Record run_experiment(const Plan& plan, const Store& store, Crew& crew, PaperProgress& progress,
                      const std::function<bool()>& stop);

}  // namespace gradus
