// Extreme eigenvalues and the spectral density of a symmetric operator that is only known by its products.
//
// Papers: Lanczos, "An iteration method for the solution of the eigenvalue problem of linear differential and integral
// operators", J. Res. Nat. Bur. Standards 45, 1950; stochastic quadrature: Ubaru, Chen, Saad, "Fast estimation of tr(f(A))
// via stochastic Lanczos quadrature", SIAM J. Matrix Anal. 38(4), 2017; for Hessians of networks: Ghorbani, Krishnan,
// Xiao, ICML 2019, arXiv 1901.10159.
//
//   A q_j = beta_{j-1} q_{j-1} + alpha_j q_j + beta_j q_{j+1}      (q orthonormal; T = tridiag(beta, alpha, beta))
//   T = U diag(theta) U'      Ritz values theta, Ritz vectors Q U
//   density: mean over probes of sum_j (U_1j)^2 delta(lambda - theta_j), each probe a random unit start q_1
//
// Every new vector is orthogonalised twice against all earlier ones (full reorthogonalisation), so no ghost copies of
// eigenvalues arise; the price is steps * n numbers of memory.
#pragma once

#include <span>
#include <vector>

#include "autograd/functional/hutchinson.h"

namespace gradus {

/// What `steps` Lanczos steps found. Fewer than asked for if the start spans a smaller invariant subspace.
struct Tridiagonal {
  std::vector<double> alpha;  ///< diagonal, one a step
  std::vector<double> beta;   ///< off-diagonal, one fewer; ends with the residual norm as one more entry
  Tensor basis;               ///< (steps, n) orthonormal rows
};
/// Lanczos from `start` (normalised here; not zero, else NumericError). Throws UsageError for steps < 1 and
/// NumericError if a product is not finite.
Tridiagonal lanczos(const LinearOperator& a, std::span<const Tensor> start, int steps);

struct EigenPairs {
  std::vector<double> values;                ///< descending
  std::vector<std::vector<Tensor>> vectors;  ///< unit, in the shapes of the start
  std::vector<double> residuals;             ///< |A v - value v|, as Lanczos bounds it
  int steps;                                 ///< products taken
};
struct LanczosOptions {
  int max_steps = 100;
  double tolerance = 1e-6;  ///< stop once the k residuals are below tolerance * |largest value|
};
/// The k algebraically largest eigenvalues. Throws UsageError for k < 1.
EigenPairs top_eigenvalues(const LinearOperator& a, std::span<const Tensor> like, int k, Rng& rng,
                           const LanczosOptions& options = {});

struct SpectralDensity {
  std::vector<double> nodes, weights;  ///< a discrete measure; the weights add up to 1
  /// The density at x, each node widened to a Gaussian of standard deviation sigma.
  double at(double x, double sigma) const;
  /// Mean of lambda^p under the measure: trace(A^p) / n, exact in expectation for p < 2 steps.
  double moment(int p) const;
};
/// Stochastic Lanczos quadrature with `probes` starts of `steps` steps each. Throws UsageError.
SpectralDensity spectral_density(const LinearOperator& a, std::span<const Tensor> like, int probes, int steps,
                                 Rng& rng);

}  // namespace gradus
