// Activations that leave few units on, and the row-standardised weights that they stand behind.
//
// Paper: Keskinen, "Hard ASH: Sparsity and the right optimizer make a continual learner", 2024, arXiv 2404.17651.
//   a row x of h units, mu its mean, sd its population standard deviation, u = alpha*(x - mu - z_k*sd):
//   hard_ash       clip(x, 0, 2)*hs(u),  hs(u) = min(max(u + 3, 0), 6)/6
//   ash            x*sigmoid(u)                                    Lee et al., 2022
//   topk_subtract  clip(x - v, 0, 2), v the k-th largest of the row, through which gradients flow
//   topk_mask      x where x >= v, else 0
//   lwta           of each group of neighbours the first largest, else 0     Srivastava et al., 2013
//   elephant       1/(1 + |x/a|^d)                                 Lan, Mahmood, 2023
//   relu           max(x, 0), to compare with
// Gradients flow through mu and sd; that of sd is 0 where all units of a row are equal. clip and hs have none at their ends.
#pragma once

#include <string>

#include "core/options.h"
#include "core/tensor.h"

namespace gradus {

struct SparseActivationOptions {
  std::string kind = "hard_ash";
  double alpha = 3, z_k = 2.3, elephant_a = 0.16, elephant_d = 4;
  int64 top_k = 2, groups = 2;
  void visit(auto&& f) {
    f("kind", kind, "which activation",
      choices({"hard_ash", "ash", "topk_subtract", "topk_mask", "lwta", "elephant", "relu"}));
    f("alpha", alpha, "slope of the gate", positive());
    f("z_k", z_k, "deviations above the mean where the gate is half open");
    f("top_k", top_k, "topk: units that stay", at_least(1));
    f("groups", groups, "lwta: groups of units", at_least(1));
    f("elephant_a", elephant_a, "elephant: width", positive());
    f("elephant_d", elephant_d, "elephant: steepness", positive());
  }
};
/// x (B,h) -> (B,h). Throws ShapeError for another rank, UsageError where top_k or groups do not fit h.
Tensor sparse_activation(const Tensor& x, const SparseActivationOptions& options);

/// Each row of (out,in) minus its mean, divided by its norm; differentiable. Throws NumericError for a row of equal numbers.
Tensor standardised_rows(const Tensor& weight);

}  // namespace gradus
