// The functions of `ulr` on small numbers.
#pragma once

#include <vector>

#include "apps/papers/case_function.h"

namespace gradus {

std::vector<CaseFunction> ulr_functions();

}  // namespace gradus
