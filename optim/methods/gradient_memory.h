// Gradient projection memory and ROGO's search in it: directions of inputs that earlier tasks used, and those that a new task may
// rescale.
//
// Papers: Saha, Garg, Roy, "Gradient Projection Memory for Continual Learning", ICLR 2021, arXiv 2103.09762;
//         Yang, Yang, Liu, Li, Liu, "Restricted Orthogonal Gradient Projection for Continual Learning", AI Open 4 (2023),
//         arXiv 2301.12131.
//   a layer's weight W (out,in) without bias, M (in,r) orthonormal: the span of earlier inputs, S (in,s) inside of it, Q (s,s)
//   W_eff = W - W S S' + W S Q S'                                    (nn/continual/scaled_weight.h)
//   dW <- dW - dW M M'                       the whole memory: relaxed directions change through Q alone
//   memory:  R' = R - M M' R;  left singular vectors of R' are appended until their squared mass with what M holds reaches
//            threshold; in the first task those whose cumulative share stays below it
//   search:  U = leading left singular vectors of dW';  u = F x, x the top eigenvector of F' U U' F, F = M without S;
//            score = ||U' u||; below score_threshold stop, else u moves from F to S
// Departure from the released code, which leaves F not orthonormal after a failed try: here F is always orthonormal, of the same span.
#pragma once

#include <vector>

#include "core/options.h"
#include "core/tensor.h"

namespace gradus {

/// M M' (in,in) of a basis (in,r); zeros for r = 0.
Tensor projector_of(const Tensor& basis);
/// g - g M M' of g (out,in); g itself for an empty memory. Throws ShapeError.
Tensor projected_gradient(const Tensor& g, const Tensor& memory);

struct MemoryOptions {
  double threshold = 0.95;
  bool first_task = false;
  void visit(auto&& f) {
    f("threshold", threshold, "share of the inputs' squared singular mass that the memory holds",
      between(0, 1));
    f("first_task", first_task, "the vector that crosses the threshold stays out");
  }
};
/// The memory (in, r') after a task, from inputs (in,N), one a column, and the memory (in,r) before it. Directions that the inputs do
/// not have are never appended.
Tensor grown_memory(const Tensor& activations, const Tensor& memory, const MemoryOptions& options);

struct SearchOptions {
  double mass_threshold = 0.97, score_threshold = 0.9;
  void visit(auto&& f) {
    f("mass_threshold", mass_threshold, "share of the gradient's squared singular mass that U holds",
      between(0, 1));
    f("score_threshold", score_threshold, "least ||U' u|| of a direction that is relaxed", between(0, 1));
  }
};
struct RelaxingSearch {
  int64 gradient_rank = 0;     ///< columns of U, at least 1
  Tensor space, rest;          ///< (in, moved), (in, f - moved), orthonormal
  std::vector<double> scores;  ///< of every try, the failed one too
};
/// grad (out,in), rest (in,f) orthonormal.
RelaxingSearch relaxing_search(const Tensor& grad, const Tensor& rest, const SearchOptions& options);

/// The columns of a, then those of b; either may have none.
Tensor joined_columns(const Tensor& a, const Tensor& b);

}  // namespace gradus
