// The functions of `gmt` on small numbers.
#pragma once

#include <vector>

#include "apps/papers/case_function.h"

namespace gradus {

std::vector<CaseFunction> gmt_functions();

}  // namespace gradus
