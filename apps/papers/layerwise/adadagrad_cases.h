// The functions of `adadagrad` on small numbers.
#pragma once

#include <vector>

#include "apps/papers/case_function.h"

namespace gradus {

std::vector<CaseFunction> adadagrad_functions();

}  // namespace gradus
