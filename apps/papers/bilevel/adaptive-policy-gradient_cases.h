// The functions of `adaptive-policy-gradient` on small numbers.
#pragma once

#include <vector>

#include "apps/papers/case_function.h"

namespace gradus {

std::vector<CaseFunction> adaptive_policy_gradient_functions();

}  // namespace gradus
