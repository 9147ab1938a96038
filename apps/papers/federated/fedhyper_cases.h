// The functions of `fedhyper` on small numbers.
#pragma once

#include <vector>

#include "apps/papers/case_function.h"

namespace gradus {

std::vector<CaseFunction> fedhyper_functions();

}  // namespace gradus
