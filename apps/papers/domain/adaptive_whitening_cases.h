// The functions of `adaptive-whitening` on small numbers.
#pragma once

#include <vector>

#include "apps/papers/case_function.h"

namespace gradus {

std::vector<CaseFunction> adaptive_whitening_functions();

}  // namespace gradus
