// The functions of `hard-ash` on small numbers.
#pragma once

#include <vector>

#include "apps/papers/case_function.h"

namespace gradus {

std::vector<CaseFunction> hard_ash_functions();

}  // namespace gradus
