// A record as people read it.
#pragma once

#include "apps/papers/record.h"

namespace gradus {

/// The arms with what they were tuned to and their figures (mean and deviation over the seeds), the claims with theirs, the
/// verdict.
std::string result_text(const Record& record);
/// "+0.12 % [-0.03, +0.27]" and the like: a claim's estimate with its 90 % interval, in percent for shares.
std::string estimate_text(const ClaimRecord& claim);

}  // namespace gradus
