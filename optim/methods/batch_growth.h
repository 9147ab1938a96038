// Batch sizes that grow with the variance of the gradient: norm test and inner product tests.
//
// Paper: Lau, Liu, Kolar, "AdAdaGrad: Adaptive Batch Size Schemes for Adaptive Gradient Methods", 2024, arXiv 2402.11215 (code
//        timlautk/AdAdaGrad); tests: Byrd, Chin, Nocedal, Wu, Math. Program. 2012; Bollapragada, Byrd, Nocedal, SIAM J. Optim. 2018.
//   g_i gradients of the b examples of a batch, g their mean, Var with divisor b-1
//   norm:            wanted = sum of coordinatewise Var(g_i) / (eta^2 ||g||^2)
//   inner_product:   wanted = Var(c_i) / (theta^2 ||g||^4),  c_i = <g_i, g>
//   orthogonality:   wanted = sum of coordinatewise Var(o_i) / (nu^2 ||g||^2),  o_i = g_i - c_i g/||g||^2
//   augmented:       the larger of the last two
//   coordinatewise:  wanted = max over j of Var_j / (eta^2 g_j^2)
//   b <- min(max_batch_size, ceil(max(b, wanted))),  for the batch after the one that was tested
// Where g = 0 (coordinatewise: some g_j = 0 with Var_j > 0) no size would do: b = max_batch_size.
// Without the g_i themselves: sum of Var = (sum ||g_i||^2 - b ||g||^2)/(b-1), sum of Var(o_i) = that - Var(c_i)/||g||^2.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/options.h"
#include "core/tensor.h"

namespace gradus {

struct BatchTestOptions {
  std::string test = "norm";
  double eta = 0.5, theta = 0.5, nu = 1;
  void visit(auto&& f) {
    f("test", test, "what is asked of a batch",
      choices({"norm", "inner_product", "orthogonality", "augmented", "coordinatewise"}));
    f("eta", eta, "largest deviation of the mean gradient over its norm (norm, coordinatewise)", positive());
    f("theta", theta, "the same of its product with the gradient (inner_product, augmented)", positive());
    f("nu", nu, "the same across the gradient (orthogonality, augmented)", positive());
  }
};

/// What the gradients of a batch's examples say of its size.
struct GradientSpread {
  int64 examples = 0;
  double grad_norm_squared = 0;       ///< ||g||^2
  double variance = 0;                ///< sum of coordinatewise Var(g_i)
  double inner_product_variance = 0;  ///< Var(c_i)
  double orthogonal_variance = 0;     ///< sum of coordinatewise Var(o_i), 0 where g = 0
  /// max over j of Var_j/g_j^2, both 0 left out; none: some g_j = 0 with Var_j > 0.
  std::optional<double> worst_coordinate = 0;
};
/// From all gradients (b,P), b >= 2. `tensors`: sizes of the parts of P in each of which the inner products and the variance across
/// the gradient are taken by themselves, and added (as the paper's code does); empty: over everything. Throws UsageError for b = 1,
/// ShapeError for sizes that do not add up.
GradientSpread gradient_spread(const Tensor& grads, std::span<const int64> tensors = {});
/// From sum of ||g_i||^2, ||g||^2 and the c_i; worst_coordinate is not known then (none).
GradientSpread gradient_spread(double sum_of_norms_squared, double grad_norm_squared,
                               std::span<const double> c);

/// The size that the test asks for; none where no size would do.
std::optional<double> wanted_batch_size(const GradientSpread& spread, const BatchTestOptions& options);
/// min(most, ceil(max(b, wanted))).
int64 grown_batch_size(int64 b, const std::optional<double>& wanted, int64 most);

/// Of K micro-batches of m examples each, (K,m,P).
struct MicroBatchSpread {
  Tensor mean;  ///< (P) of all examples
  double variance =
      0;  ///< by the law of total variance: mean Var within + mean of squared means - squared mean
  double between = 0;  ///< m * sum of coordinatewise Var of the K means: an estimate without single gradients
  double norm_squared = 0;  ///< of the mean
};
/// Throws ShapeError for another rank, UsageError for m < 2 or K < 2.
MicroBatchSpread micro_batch_spread(const Tensor& grads);

}  // namespace gradus
