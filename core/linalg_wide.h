// Factorisations of matrices of doubles, for methods whose numbers must not be rounded to `real` on the way. Errors as in
// core/linalg.h.
#pragma once

#include <span>
#include <vector>

#include "core/real.h"

namespace gradus::linalg {

/// A = V diag(values) V' of a symmetric A (n,n) in row-major order: values ascending, row j of `vectors` is the
/// eigenvector of values[j].
struct WideEigen {
  std::vector<double> values, vectors;  ///< (n), (n,n)
};
WideEigen eigh(std::span<const double> a, int64 n);

}  // namespace gradus::linalg
