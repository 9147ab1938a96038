// The functions of `rogo` on small numbers.
#pragma once

#include <vector>

#include "apps/papers/case_function.h"

namespace gradus {

std::vector<CaseFunction> rogo_functions();

}  // namespace gradus
