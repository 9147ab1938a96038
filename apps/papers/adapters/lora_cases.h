// The functions of `lora` on small numbers: what the papers about adapters compare with.
#pragma once

#include <vector>

#include "apps/papers/case_function.h"

namespace gradus {

std::vector<CaseFunction> lora_functions();

}  // namespace gradus
