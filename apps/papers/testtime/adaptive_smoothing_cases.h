// The functions of `adaptive-smoothing` on small numbers.
#pragma once

#include <vector>

#include "apps/papers/case_function.h"

namespace gradus {

std::vector<CaseFunction> adaptive_smoothing_functions();

}  // namespace gradus
