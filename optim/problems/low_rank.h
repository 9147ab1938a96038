// Random matrices of low rank, the truth behind measurements.
#pragma once

#include <span>
#include <vector>

#include "core/rng.h"
#include "core/tensor.h"

namespace gradus {

/// V diag(eigenvalues) V', (n,n), with orthonormal columns V drawn uniformly. Throws UsageError, opened by `where`, for more eigenvalues
/// than n, none, and eigenvalues that are not positive.
Tensor random_low_rank(int64 n, std::span<const double> eigenvalues, Rng& rng, const char* where);

/// From 1 down to 1/condition, `rank` of them, ratios all the same.
std::vector<double> spread_eigenvalues(int64 rank, double condition);

}  // namespace gradus
