// The functions of `aft` on small numbers.
#pragma once

#include <vector>

#include "apps/papers/case_function.h"

namespace gradus {

std::vector<CaseFunction> aft_functions();

}  // namespace gradus
