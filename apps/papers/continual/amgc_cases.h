// The functions of `amgc` on small numbers.
#pragma once

#include <vector>

#include "apps/papers/case_function.h"

namespace gradus {

std::vector<CaseFunction> amgc_functions();

}  // namespace gradus
