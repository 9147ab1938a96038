// The functions of `learn-to-active-learn` on small numbers.
#pragma once

#include <vector>

#include "apps/papers/case_function.h"

namespace gradus {

std::vector<CaseFunction> learn_to_active_learn_functions();

}  // namespace gradus
