#pragma once

#include "apps/papers/case_function.h"

namespace gradus {

std::vector<CaseFunction> g_act_functions();

}  // namespace gradus
