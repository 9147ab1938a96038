// Optimizers of a program that links gradus, beside its own:
//
//   add_optimizer(rule_entry<Mine>({"mine", "what is special about it", "where it is from"}));      (optim/rule.h)
#pragma once

#include "optim/registry.h"

namespace gradus {

/// Adds to optimizers(), under the family "own", at the beginning of a program, before the table is used. Throws UsageError for a
/// name that is taken.
void add_optimizer(OptimizerEntry entry);

}  // namespace gradus
