// The functions of `multistep-metagrad` on small numbers.
#pragma once

#include <vector>

#include "apps/papers/case_function.h"

namespace gradus {

std::vector<CaseFunction> multistep_metagrad_functions();

}  // namespace gradus
