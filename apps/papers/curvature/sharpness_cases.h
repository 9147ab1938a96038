// The functions of `sharpness-generalization` on small numbers.
#pragma once

#include <vector>

#include "apps/papers/case_function.h"

namespace gradus {

std::vector<CaseFunction> sharpness_functions();

}  // namespace gradus
