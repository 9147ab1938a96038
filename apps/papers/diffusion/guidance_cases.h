// The functions of `apg-guidance`, `adaptive-guidance` and `adaptive-diffusion` on small numbers.
#pragma once

#include <vector>

#include "apps/papers/case_function.h"

namespace gradus {

std::vector<CaseFunction> apg_guidance_functions();
std::vector<CaseFunction> adaptive_guidance_functions();
std::vector<CaseFunction> adaptive_diffusion_functions();

}  // namespace gradus
