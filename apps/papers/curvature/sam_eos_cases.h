// The functions of `sam-eos` on small numbers.
#pragma once

#include <vector>

#include "apps/papers/case_function.h"

namespace gradus {

std::vector<CaseFunction> sam_eos_functions();

}  // namespace gradus
