// Draws from the gamma, beta and Dirichlet laws.
//
// Gamma: Marsaglia, Tsang, "A Simple Method for Generating Gamma Variables", ACM TOMS 26(3), 2000; of shapes below 1 by their boost,
// Gamma(a) = Gamma(a+1)*U^(1/a), in logarithms, so that nothing is lost to underflow.
#pragma once

#include <span>
#include <vector>

#include "core/rng.h"

namespace gradus {

/// Logarithm of a draw from Gamma(shape, scale 1), shape > 0, else UsageError.
double log_gamma_draw(Rng& rng, double shape);
/// In (0,1), of shapes > 0.
double beta_draw(Rng& rng, double a, double b);
/// Sums to 1, of shapes > 0, however small; at least one.
std::vector<double> dirichlet_draw(Rng& rng, std::span<const double> alpha);

}  // namespace gradus
