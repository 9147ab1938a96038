// The functions of `dmmd` on small numbers.
#pragma once

#include <vector>

#include "apps/papers/case_function.h"

namespace gradus {

std::vector<CaseFunction> dmmd_functions();

}  // namespace gradus
