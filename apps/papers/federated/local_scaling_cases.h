// The functions of `local-scaling` on small numbers.
#pragma once

#include <vector>

#include "apps/papers/case_function.h"

namespace gradus {

std::vector<CaseFunction> local_scaling_functions();

}  // namespace gradus
