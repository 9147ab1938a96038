// The functions of `framer` on small numbers.
#pragma once

#include <vector>

#include "apps/papers/case_function.h"

namespace gradus {

std::vector<CaseFunction> framer_functions();

}  // namespace gradus
