// The functions of `entropy-scale` on small numbers.
#pragma once

#include <vector>

#include "apps/papers/case_function.h"

namespace gradus {

std::vector<CaseFunction> entropy_scale_functions();

}  // namespace gradus
