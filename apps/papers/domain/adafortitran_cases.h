// The functions of `adafortitran` on small numbers.
#pragma once

#include <vector>

#include "apps/papers/case_function.h"

namespace gradus {

std::vector<CaseFunction> adafortitran_functions();

}  // namespace gradus
