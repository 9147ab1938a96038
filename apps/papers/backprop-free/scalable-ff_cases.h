// The functions of `scalable-ff` on small numbers.
#pragma once

#include <vector>

#include "apps/papers/case_function.h"

namespace gradus {

std::vector<CaseFunction> scalable_ff_functions();

}  // namespace gradus
