// The functions of `mup-weight-decay` on small numbers.
#pragma once

#include <vector>

#include "apps/papers/case_function.h"

namespace gradus {

std::vector<CaseFunction> mup_weight_decay_functions();

}  // namespace gradus
