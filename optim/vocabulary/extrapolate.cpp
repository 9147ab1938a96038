#include "optim/vocabulary/extrapolate.h"

#include <cmath>
#include <numeric>

namespace gradus {

// r is a handful: Cholesky by hand costs less than a call and runs in double in either build.
std::vector<double> extrapolation_weights(std::span<const double> gram, double lambda) {
  const auto r = static_cast<size_t>(std::lround(std::sqrt(static_cast<double>(gram.size()))));
  const std::vector<double> uniform(r, 1 / static_cast<double>(r));
  std::vector<double> l(gram.begin(), gram.end()), z(r, 1);
  for (size_t i = 0; i < r; ++i) {
    for (size_t j = 0; j <= i; ++j) {
      double sum = gram[i * r + j] + (i == j ? lambda : 0);
      for (size_t k = 0; k < j; ++k) sum -= l[i * r + k] * l[j * r + k];
      if (i == j && !(sum > 0)) return uniform;
      l[i * r + j] = i == j ? std::sqrt(sum) : sum / l[j * r + j];
    }
  }
  for (size_t i = 0; i < r; ++i) {
    for (size_t k = 0; k < i; ++k) z[i] -= l[i * r + k] * z[k];
    z[i] /= l[i * r + i];
  }
  for (size_t i = r; i-- > 0;) {
    for (size_t k = i + 1; k < r; ++k) z[i] -= l[k * r + i] * z[k];
    z[i] /= l[i * r + i];
  }
  const double sum = std::accumulate(z.begin(), z.end(), 0.0);
  if (!(std::abs(sum) > 0) || !std::isfinite(sum)) return uniform;
  for (double& x : z) x /= sum;
  return z;
}

}  // namespace gradus
