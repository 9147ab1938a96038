// The functions of `lora-pro` on small numbers.
#pragma once

#include <vector>

#include "apps/papers/case_function.h"

namespace gradus {

std::vector<CaseFunction> lora_pro_functions();

}  // namespace gradus
