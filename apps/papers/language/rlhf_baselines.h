// The functions that papers on language models share: PPO, GAE, KL estimates, GRPO, DPO.
#pragma once

#include "apps/papers/case_function.h"

namespace gradus {

std::vector<CaseFunction> rlhf_baseline_functions();

/// {"chosen_logp", ...}: the slots of one side of a pair, "P,Tc".
std::vector<CaseSlot> response_slots(const std::string& side, const std::string& shape);

}  // namespace gradus
