// Momentum in a low-rank subspace of a matrix gradient.
// Paper: Nguyen, Nguyen, ICML 2025, arXiv 2411.07120, section on Subspace-Momentum.
#pragma once

#include <string>

#include "optim/rule.h"

namespace gradus::rules {

struct SubspaceOptions {
  int64 rank;
  const std::string& proj_type;  ///< svd, uniform, topk, srht
  int64 gap;                     ///< steps between new subspaces
  double beta1;
};

/// back(M) + (g - back(low)), M = beta1*M + (1-beta1)*low, low the gradient projected onto a subspace of `rank`
/// dimensions (of the row space or the column space). Slots "basis" (rank, rows or cols) and "m" in s. The random
/// subspaces depend on the parameter's name and the step only.
Tensor subspace_momentum(const Param& p, State& s, const SubspaceOptions& o, int64 t);

}  // namespace gradus::rules
