// Step size and momentum of the heavy ball from the spectrum of the Hessian, found on the fly.
//
// Papers: Granziol, Zohren, Roberts, JMLR 2022, arXiv 2006.09092 (the idea and its ingredients); Polyak 1964 (the optimum on a
//         quadratic function with eigenvalues in [mu, L]).
//   T = tridiag(beta, alpha, beta) of m Lanczos steps, nodes its eigenvalues, weights the squared first components of its
//   eigenvectors: sum weight_j delta(node_j) estimates the spectral density
//   L = largest node;  mu = max(smallest node above max(0, -smallest node), L/1e4), L/1e4 if there is none
//   lr = safety*4/(sqrt(L) + sqrt(mu))^2,  momentum = min(momentum_cap, ((sqrt(L) - sqrt(mu))/(sqrt(L) + sqrt(mu)))^2)
// The recipe for mu is ours: nodes within [-|smallest|, |smallest|] count as the bulk of noise.
#pragma once

#include <vector>

#include "autograd/functional/lanczos.h"
#include "core/options.h"

namespace gradus {

struct LanczosQuadrature {
  std::vector<double> alpha, beta;     ///< (k), (k-1)
  std::vector<double> nodes, weights;  ///< (k), nodes ascending, weights of sum 1
};
/// `steps` Lanczos steps on `a` from `start`; ends early where the next vector's norm is below 1e-10*`norm`, the operator's
/// (0: where it is rounding of what came before it).
LanczosQuadrature lanczos_quadrature(const LinearOperator& a, std::span<const Tensor> start, int steps,
                                     double norm = 0);

struct SpectralStepOptions {
  double safety = 1, momentum_cap = 0.95;
  void visit(auto&& f) {
    f("safety", safety, "factor on the step size", positive());
    f("momentum_cap", momentum_cap, "largest momentum", decay_rate());
  }
};
struct SpectralStep {
  double top, bottom, lr, momentum;  ///< L, mu
};
/// From Ritz values in ascending order. Throws NumericError where the largest is not positive, UsageError for none.
SpectralStep spectral_step(std::span<const double> ritz_values, const SpectralStepOptions& options);

}  // namespace gradus
