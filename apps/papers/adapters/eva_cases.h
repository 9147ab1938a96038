// The functions of `eva` on small numbers.
#pragma once

#include <vector>

#include "apps/papers/case_function.h"

namespace gradus {

std::vector<CaseFunction> eva_functions();

}  // namespace gradus
