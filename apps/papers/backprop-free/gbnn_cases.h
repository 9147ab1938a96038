// The functions of `gbnn` on small numbers.
#pragma once

#include <vector>

#include "apps/papers/case_function.h"

namespace gradus {

std::vector<CaseFunction> gbnn_functions();

}  // namespace gradus
