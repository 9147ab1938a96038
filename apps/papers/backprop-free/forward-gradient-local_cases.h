// The functions of `forward-gradient-local` on small numbers.
#pragma once

#include <vector>

#include "apps/papers/case_function.h"

namespace gradus {

std::vector<CaseFunction> forward_gradient_local_functions();

}  // namespace gradus
