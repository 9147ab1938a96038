#pragma once

#include "apps/papers/case_function.h"

namespace gradus {

std::vector<CaseFunction> continual_ema_functions();

}  // namespace gradus
