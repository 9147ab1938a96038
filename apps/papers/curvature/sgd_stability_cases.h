// The functions of `sgd-stability` on small numbers.
#pragma once

#include <vector>

#include "apps/papers/case_function.h"

namespace gradus {

std::vector<CaseFunction> sgd_stability_functions();

}  // namespace gradus
