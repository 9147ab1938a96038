// Vector extrapolation: the limit of a sequence guessed from its last members.
#pragma once

#include <span>
#include <vector>

namespace gradus {

/// Weights c (sum 1) of regularised minimal polynomial extrapolation: (G + lambda*I) z = 1, c = z/sum(z),
/// with G = U'U (r,r), row-major, the Gram matrix of the differences of successive members. Uniform where the
/// system says nothing (G = 0 and lambda = 0). Scieur, d'Aspremont, Bach, NIPS 2016, arXiv 1606.04133.
std::vector<double> extrapolation_weights(std::span<const double> gram, double lambda);

}  // namespace gradus
