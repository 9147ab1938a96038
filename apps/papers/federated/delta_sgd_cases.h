// The functions of `delta-sgd` on small numbers.
#pragma once

#include <vector>

#include "apps/papers/case_function.h"

namespace gradus {

std::vector<CaseFunction> delta_sgd_functions();

}  // namespace gradus
