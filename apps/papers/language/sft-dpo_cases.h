#pragma once

#include "apps/papers/case_function.h"

namespace gradus {

std::vector<CaseFunction> sft_dpo_functions();

}  // namespace gradus
