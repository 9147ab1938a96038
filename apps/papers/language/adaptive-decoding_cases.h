#pragma once

#include "apps/papers/case_function.h"

namespace gradus {

std::vector<CaseFunction> adaptive_decoding_functions();

}  // namespace gradus
