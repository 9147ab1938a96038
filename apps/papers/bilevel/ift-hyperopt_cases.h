// The functions of `ift-hyperopt` on small numbers.
#pragma once

#include <vector>

#include "apps/papers/case_function.h"

namespace gradus {

std::vector<CaseFunction> ift_hyperopt_functions();

}  // namespace gradus
