// The functions of `weight-conditioning` on small numbers.
#pragma once

#include <vector>

#include "apps/papers/case_function.h"

namespace gradus {

std::vector<CaseFunction> weight_conditioning_functions();

}  // namespace gradus
