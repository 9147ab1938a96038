// The Frechet distance of two Gaussians fitted to two sets of features. Heusel et al., NeurIPS 2017, arXiv 1706.08500 (FID, there in
// the features of an Inception network; here in any).
//   |m1 - m2|^2 + tr C1 + tr C2 - 2 tr (C1^(1/2) C2 C1^(1/2))^(1/2)
#pragma once

#include "core/tensor.h"

namespace gradus {

/// features (n,d) and (m,d), n, m >= 2; covariances divide by n-1, eigenvalues below 0 count as 0; in double. Throws ShapeError,
/// DataError for fewer than two rows.
double frechet_distance(const Tensor& features_a, const Tensor& features_b);

}  // namespace gradus
