// The functions of `tag` on small numbers.
#pragma once

#include <vector>

#include "apps/papers/case_function.h"

namespace gradus {

std::vector<CaseFunction> tag_functions();

}  // namespace gradus
