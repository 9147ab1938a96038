// The entries of all papers, each defined in <family>/<slug>.cpp: one declaration here, one line in registry.cpp.
#pragma once

#include "apps/papers/paper.h"

namespace gradus::paper_entries {

// adaptive
Paper adabelief();
// federated
Paper fedopt();

// problems
Paper neuralndcg();

}  // namespace gradus::paper_entries
