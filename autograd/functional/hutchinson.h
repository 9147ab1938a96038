// Stochastic estimates of the diagonal and the trace of a linear operator that is only known by its products, such
// as a Hessian (hvp) or a Gauss-Newton matrix (ggn_vp).
//
// Papers: Hutchinson, "A stochastic estimator of the trace of the influence matrix for Laplacian smoothing splines",
// Communications in Statistics 19(2), 1990; Bekas, Kokiopoulou, Saad, "An estimator for the diagonal of a matrix",
// Applied Numerical Mathematics 57, 2007.
//
//   z_i = +1 or -1 with probability 1/2 each, independent
//   E[z * (A z)] = diag(A),   E[z' A z] = trace(A)
//   variance of the trace estimate of one probe: 2 * sum of squares of the off-diagonal elements (A symmetric)
#pragma once

#include <functional>
#include <span>
#include <vector>

#include "core/rng.h"

namespace gradus {

/// A v for a linear operator on lists of tensors of fixed shapes.
using LinearOperator = std::function<std::vector<Tensor>(std::span<const Tensor> v)>;

/// One +1/-1 probe in the shapes of `like`.
std::vector<Tensor> rademacher_like(std::span<const Tensor> like, Rng& rng);

/// Mean of z * (A z) over `probes` draws, in the shapes of `like`. Exact for a diagonal A. Throws UsageError for
/// probes < 1.
std::vector<Tensor> hutchinson_diagonal(const LinearOperator& a, std::span<const Tensor> like, int probes,
                                        Rng& rng);

struct TraceEstimate {
  double mean;
  double standard_error;  ///< of the mean; 0 for a single probe
};
/// Mean of z' A z over `probes` draws. Throws UsageError for probes < 1.
TraceEstimate hutchinson_trace(const LinearOperator& a, std::span<const Tensor> like, int probes, Rng& rng);

}  // namespace gradus
