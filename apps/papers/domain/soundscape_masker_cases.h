// The functions of `soundscape-masker` on small numbers.
#pragma once

#include <vector>

#include "apps/papers/case_function.h"

namespace gradus {

std::vector<CaseFunction> soundscape_masker_functions();

}  // namespace gradus
