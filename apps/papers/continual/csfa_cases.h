// The functions of `csfa` on small numbers.
#pragma once

#include <vector>

#include "apps/papers/case_function.h"

namespace gradus {

std::vector<CaseFunction> csfa_functions();

}  // namespace gradus
