// Distances of two sets of points: maximum mean discrepancy and energy distance.
//
// Gretton et al., "A Kernel Two-Sample Test", JMLR 2012; Szekely, Rizzo, "Energy statistics", JSPI 2013.
//   unbiased  sum_{i!=j} k(x_i,x_j)/(n(n-1)) + the same of y - 2 mean k(x_i,y_j);  biased: the three plain means
//   linear    k = x.y, in O(nF) from sums;  rbf  k = exp(-|x-y|^2/(2 bandwidth^2))
#pragma once

#include "autograd/graph.h"
#include "core/options.h"

namespace gradus {

struct MmdOptions {
  std::string kernel = "linear", estimator = "unbiased";
  double bandwidth = 1;
  void visit(auto&& f) {
    f("kernel", kernel, "of two feature vectors", choices({"linear", "rbf"}));
    f("bandwidth", bandwidth, "of rbf", positive());
    f("estimator", estimator, "whether a point is compared with itself", choices({"unbiased", "biased"}));
  }
};
/// MMD^2 of rows x (n,F) and y (m,F), differentiable. Throws ShapeError, DataError for fewer rows than the estimator needs.
Tensor mmd_squared(const Tensor& x, const Tensor& y, const MmdOptions& options = {});

/// 2 mean|x_i - y_j| - mean|x_i - x_j| - mean|y_i - y_j| over all pairs, i = j included; x (n,d), y (m,d); in double. Throws
/// ShapeError, DataError for empty sets.
double energy_distance(const Tensor& x, const Tensor& y);

}  // namespace gradus
