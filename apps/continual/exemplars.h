// Which examples of a class to keep: herding, by features.
//
// Paper: Welling, "Herding Dynamical Weights to Learn", ICML 2009; Rebuffi et al., "iCaRL", CVPR 2017, arXiv 1611.07725.
//   f = rows divided by norm + eps;  for k = 1..count: the row not chosen yet for which ||(f_i + sum of chosen)/k - mean|| is least
#pragma once

#include <vector>

#include "core/tensor.h"

namespace gradus {

/// Rows of features (N,d) in the order chosen, min(count, N) of them; a smaller memory keeps a prefix. Ties go to the first.
std::vector<int64> herded_rows(const Tensor& features, int64 count, double eps = 1e-8);

}  // namespace gradus
