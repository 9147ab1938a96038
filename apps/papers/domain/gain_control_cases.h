// The functions of `gain-control` on small numbers.
#pragma once

#include <vector>

#include "apps/papers/case_function.h"

namespace gradus {

std::vector<CaseFunction> gain_control_functions();

}  // namespace gradus
