// The functions of `tailor` on small numbers.
#pragma once

#include <vector>

#include "apps/papers/case_function.h"

namespace gradus {

std::vector<CaseFunction> tailor_functions();

}  // namespace gradus
