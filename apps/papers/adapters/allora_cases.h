// The functions of `allora` on small numbers.
#pragma once

#include <vector>

#include "apps/papers/case_function.h"

namespace gradus {

std::vector<CaseFunction> allora_functions();

}  // namespace gradus
