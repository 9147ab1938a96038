// The papers of this family, for the registry.
#pragma once

#include "apps/papers/paper.h"

namespace gradus::paper_entries {

Paper ift_hyperopt();
Paper metagradient_descent();
Paper oml();
Paper multistep_metagrad();
Paper adaptive_policy_gradient();
Paper bib();

}  // namespace gradus::paper_entries
