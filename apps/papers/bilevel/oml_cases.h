// The functions of `oml` on small numbers.
#pragma once

#include <vector>

#include "apps/papers/case_function.h"

namespace gradus {

std::vector<CaseFunction> oml_functions();

}  // namespace gradus
