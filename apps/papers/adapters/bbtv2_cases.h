// The functions of `bbtv2` on small numbers.
#pragma once

#include <vector>

#include "apps/papers/case_function.h"

namespace gradus {

std::vector<CaseFunction> bbtv2_functions();

}  // namespace gradus
