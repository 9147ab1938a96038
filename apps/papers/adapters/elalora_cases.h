// The functions of `elalora` on small numbers.
#pragma once

#include <vector>

#include "apps/papers/case_function.h"

namespace gradus {

std::vector<CaseFunction> elalora_functions();

}  // namespace gradus
