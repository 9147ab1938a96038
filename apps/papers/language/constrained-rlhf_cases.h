#pragma once

#include "apps/papers/case_function.h"

namespace gradus {

std::vector<CaseFunction> constrained_rlhf_functions();

}  // namespace gradus
