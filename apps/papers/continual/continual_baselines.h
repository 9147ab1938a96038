// The functions of `continual-baselines` on small numbers: measures and what the papers about tasks in turn compare with.
#pragma once

#include <vector>

#include "apps/papers/case_function.h"

namespace gradus {

std::vector<CaseFunction> continual_baseline_functions();

}  // namespace gradus
