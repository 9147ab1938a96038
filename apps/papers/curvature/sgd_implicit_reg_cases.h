// The functions of `sgd-implicit-reg` on small numbers.
#pragma once

#include <vector>

#include "apps/papers/case_function.h"

namespace gradus {

std::vector<CaseFunction> sgd_implicit_reg_functions();

}  // namespace gradus
