// Step size as a function of the batch size, by the spectrum of the mini-batch Hessian.
//
// Paper: Granziol, Zohren, Roberts, "Learning Rates as a Function of Batch Size: A Random Matrix Theory Approach to Neural Network
//        Training", JMLR 2022, arXiv 2006.09092.
//   N examples, batch B, b = B/(1 - B/N), P parameters, sigma^2 the variance of an element of one example's Hessian
//   s = sqrt(P*sigma^2/b):  Hessian of a batch = Hessian of all + symmetric noise whose eigenvalues fill [-2s, 2s]
//   top:    l_1 + s^2/l_1 where l_1 > s, else 2s         bottom:  l_P + s^2/l_P where l_P < -s, else -2s
//   Gauss-Newton matrices, q = P/b, noise 1:  l (1 + q/(l-1)) where l > 1 + sqrt(q), else (1 + sqrt(q))^2
//   largest stable step size 2/top:  ~ B for SGD until it saturates at 2/l_1;  ~ sqrt(B) for adaptive methods of small eps
// With B = N there is no noise: both ends are those of all examples.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "core/options.h"

namespace gradus {

/// B/(1 - B/N), infinite at B = N. Throws UsageError unless 1 <= B <= N.
double corrected_batch_size(int64 batch_size, int64 samples);

struct HessianEdges {
  double top, bottom, max_lr;  ///< max_lr = 2/top
};
/// Of the Hessian of a batch, given those of all examples and s >= 0.
HessianEdges batch_hessian_edges(double top, double bottom, double s);
/// The eigenvalue of a Gauss-Newton matrix of a batch that belongs to `eigenvalue` of the population.
double multiplicative_spike(double eigenvalue, double q);

struct BatchLrOptions {
  double lr = 0.1;
  int64 base_batch_size = 64;
  std::string rule = "linear";
  double top_eigenvalue = 0;
  void visit(auto&& f) {
    f("lr", lr, "step size tuned at base_batch_size", positive());
    f("base_batch_size", base_batch_size, "batch size that lr was tuned at", at_least(1));
    f("rule", rule, "linear (SGD), sqrt (adaptive methods) or none", choices({"linear", "sqrt", "none"}));
    f("top_eigenvalue", top_eigenvalue, "step sizes stay below 2 over this one; 0: no bound", at_least(0));
  }
};
/// lr*(B/base_batch_size)^p, p = 1, 1/2 or 0, at most 2/top_eigenvalue.
double lr_of_batch_size(const BatchLrOptions& options, double batch_size);

/// Least squares top_i ~ a + c/b_i over measured top eigenvalues: a belongs to all examples, a*c = s^2 b.
struct EdgeFit {
  double top_full, noise;  ///< a, a*c
  std::vector<double> fitted;
  double relative_error;  ///< largest |fitted/top - 1|
};
/// `b` corrected batch sizes (infinity: all examples). Throws UsageError for lists of different lengths or fewer than two sizes.
EdgeFit fit_edge(std::span<const double> b, std::span<const double> top);

}  // namespace gradus
