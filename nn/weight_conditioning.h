// Weight conditioning: a layer computes with its weight multiplied by diagonal matrices that lower its condition number.
//
// Paper: Saratchandran, Wang, Lucey, "Weight Conditioning for Smooth Optimization of Neural Networks", ECCV 2024, arXiv
//        2409.03424.
//   W (out, rest), a kernel (out,in,kh,kw) as out rows of in*kh*kw
//   row:         W_hat_i  = gain * w_i / ||w_i||        (row equilibration, van der Sluis 1969)
//   column:      W_hat_.j = gain * w_.j / ||w_.j||
//   row_column:  row, then column on the result
//   y = W_hat x + b, from the present W in every pass; the optimizer moves W
// A row (column) of norm <= eps becomes 0 and gets the gradient 0. The gradient goes through the norms:
//   dL/dw_i = (I - w_hat_i w_hat_i') dL/dw_hat_i / ||w_i||
// so rows of plain gradient descent never get shorter. Row mode is weight normalisation whose gains stay 1.
// Departures: the gradient through the norms (detach: they are constants of it), the head that is left plain and `gain`
// (sqrt 2 for deep networks of relu without normalisation) are choices of ours; the paper leaves them open.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/options.h"
#include "nn/module.h"

namespace gradus {

struct ConditioningOptions {
  std::string mode = "row";
  double eps = 1e-12, gain = 1;
  bool detach = false, fixed = false, condition_head = false;
  /// Of a weight by itself.
  void visit_weight(auto&& f) {
    f("mode", mode, "what is divided by its norm: rows, columns, or rows and then columns",
      choices({"row", "column", "row_column"}));
    f("eps", eps, "rows and columns of at most this norm become 0", at_least(0));
    f("gain", gain, "factor on the conditioned weight", positive());
    f("detach", detach, "norms are constants of the gradient");
  }
  /// Of the layers of a network.
  void visit(auto&& f) {
    visit_weight(f);
    f("fixed", fixed, "norms are those of the first weights for good");
    f("condition_head", condition_head, "the last layer too, whose logits are bounded then");
  }
};

/// W_hat in W's shape, differentiable to any order; `fixed` and `condition_head` are not looked at. Throws ShapeError below
/// rank 2.
Tensor conditioned_weight(const Tensor& weight, const ConditioningOptions& options = {});

/// The factors of W at `weight` as constants: conditioned_weight is then gain * row * W * column. (out,1) and (1,rest), either
/// undefined where the mode has none.
struct ConditioningFactors {
  Tensor row, column;
};
ConditioningFactors conditioning_factors(const Tensor& weight, const ConditioningOptions& options);
/// gain * row * W * column, in W's shape: for norms that stay fixed.
Tensor conditioned_by(const Tensor& weight, const ConditioningFactors& factors, double gain);

/// Largest over smallest singular value of W as a matrix of `out` rows; none where it is singular to working precision.
std::optional<double> condition_number(const Tensor& weight);

/// From now on all Linear and Conv2d layers of the tree compute with their conditioned weights; the head (ParamKind::kHead) only
/// with condition_head. Layers with a row or column of norm <= eps would never learn there: they are left plain, and their names are
/// returned; with `dead_too` they are conditioned like all others. To be called when the first values are drawn. Throws UsageError if
/// no layer is left to condition.
std::vector<std::string> condition_layers(Module& module, const ConditioningOptions& options,
                                          bool dead_too = false);

}  // namespace gradus
