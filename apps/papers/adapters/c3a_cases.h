// The functions of `c3a` on small numbers.
#pragma once

#include <vector>

#include "apps/papers/case_function.h"

namespace gradus {

std::vector<CaseFunction> c3a_functions();

}  // namespace gradus
