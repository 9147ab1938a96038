// Which masker at which gain, or none, by predicted pleasantness.
//
// Paper: as soundscape_head.h. Candidates: no masker first, then (masker, gain) row by row.
//   greedy: score = mu;  probability: Phi((mu - mu_none)/sigma), no masker 1/2;  the largest, ties to the earliest
//   top-k: the draw-th of the candidates in descending order of mu
#pragma once

#include "core/options.h"
#include "core/tensor.h"

namespace gradus {

struct MaskerPolicy {
  std::string policy = "greedy";
  int64 top_k = 3;
  void visit(auto&& f) {
    f("policy", policy, "what is compared, and whether the best is taken",
      choices({"greedy", "probability", "top-k"}));
    f("top_k", top_k, "of how many one is drawn", at_least(1));
  }
};
struct MaskerChoice {
  int64 masker = -1, gain = -1;  ///< -1: no masker
  double score = 0;
};
/// mu, sigma (M,G), draw in 0..top_k-1 (top-k alone). Throws ShapeError, DataError for a draw out of range.
MaskerChoice choose_masker(const Tensor& mu, const Tensor& sigma, double mu_none, int64 draw,
                           const MaskerPolicy& policy = {});

}  // namespace gradus
