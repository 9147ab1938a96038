// The functions of `rna` on small numbers.
#pragma once

#include <vector>

#include "apps/papers/case_function.h"

namespace gradus {

std::vector<CaseFunction> rna_functions();

}  // namespace gradus
