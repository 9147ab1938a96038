// The functions of `foster` on small numbers.
#pragma once

#include <vector>

#include "apps/papers/case_function.h"

namespace gradus {

std::vector<CaseFunction> foster_functions();

}  // namespace gradus
