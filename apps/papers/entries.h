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
Paper scaledgd();
Paper incremental_matrix_sensing();
Paper noregret_games();
Paper sketched_newton_al();

}  // namespace gradus::paper_entries
