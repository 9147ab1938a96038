// The functions of `batch-lr-rmt` on small numbers.
#pragma once

#include <vector>

#include "apps/papers/case_function.h"

namespace gradus {

std::vector<CaseFunction> batch_lr_rmt_functions();

}  // namespace gradus
