#pragma once

#include "apps/papers/case_function.h"

namespace gradus {

std::vector<CaseFunction> igf_functions();

}  // namespace gradus
