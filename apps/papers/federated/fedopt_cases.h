// The functions of `fedopt` on small numbers.
#pragma once

#include <vector>

#include "apps/papers/case_function.h"

namespace gradus {

std::vector<CaseFunction> fedopt_functions();

}  // namespace gradus
