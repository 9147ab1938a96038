// The functions of `metagradient-descent` on small numbers.
#pragma once

#include <vector>

#include "apps/papers/case_function.h"

namespace gradus {

std::vector<CaseFunction> metagradient_descent_functions();

}  // namespace gradus
