#include "optim/problems/low_rank.h"

#include <cmath>

#include "core/error.h"
#include "core/linalg.h"

namespace gradus {

Tensor random_low_rank(int64 n, std::span<const double> eigenvalues, Rng& rng, const char* where) {
  const int64 rank = std::ssize(eigenvalues);
  if (n < 1 || rank < 1 || rank > n) fail<UsageError>("{}: size {} and {} eigenvalues", where, n, rank);
  for (double v : eigenvalues)
    if (!(v > 0)) fail<UsageError>("{}: eigenvalue {} is not positive", where, v);
  Tensor factor = linalg::qr(rng.normal_tensor({n, rank})).q;
  real* v = factor.mutable_data();
  for (int64 i = 0; i < n; ++i)
    for (int64 j = 0; j < rank; ++j)
      v[i * rank + j] *= static_cast<real>(std::sqrt(eigenvalues[static_cast<size_t>(j)]));
  return linalg::matmul(factor, factor, false, true);
}

std::vector<double> spread_eigenvalues(int64 rank, double condition) {
  std::vector<double> values;
  for (int64 i = 0; i < rank; ++i)
    values.push_back(
        rank == 1 ? 1 : std::pow(condition, -static_cast<double>(i) / static_cast<double>(rank - 1)));
  return values;
}

}  // namespace gradus
