// The functions of `bib` on small numbers.
#pragma once

#include <vector>

#include "apps/papers/case_function.h"

namespace gradus {

std::vector<CaseFunction> bib_functions();

}  // namespace gradus
