// The functions of `sape` on small numbers.
#pragma once

#include <vector>

#include "apps/papers/case_function.h"

namespace gradus {

std::vector<CaseFunction> sape_functions();

}  // namespace gradus
