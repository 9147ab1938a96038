// The functions of `adaptive-k` on small numbers.
#pragma once

#include <vector>

#include "apps/papers/case_function.h"

namespace gradus {

std::vector<CaseFunction> adaptive_k_functions();

}  // namespace gradus
