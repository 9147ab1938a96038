// The functions of `apecs` on small numbers.
#pragma once

#include <vector>

#include "apps/papers/case_function.h"

namespace gradus {

std::vector<CaseFunction> apecs_functions();

}  // namespace gradus
