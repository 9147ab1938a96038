// The functions of `ard-lora` on small numbers.
#pragma once

#include <vector>

#include "apps/papers/case_function.h"

namespace gradus {

std::vector<CaseFunction> ard_lora_functions();

}  // namespace gradus
