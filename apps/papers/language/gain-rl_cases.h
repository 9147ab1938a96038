#pragma once

#include "apps/papers/case_function.h"

namespace gradus {

std::vector<CaseFunction> gain_rl_functions();

}  // namespace gradus
