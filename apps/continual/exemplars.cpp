#include "apps/continual/exemplars.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/error.h"

namespace gradus {

std::vector<int64> herded_rows(const Tensor& features, int64 count, double eps) {
  if (features.rank() != 2) fail<ShapeError>("herding: features of shape {}", features.shape().str());
  const int64 n = features.dim(0), d = features.dim(1);
  const auto at = [d](int64 i, int64 a) { return static_cast<size_t>(i * d + a); };
  std::vector<double> f(features.data(), features.data() + features.numel()), mean(static_cast<size_t>(d)),
      sum(mean);
  for (int64 i = 0; i < n; ++i) {
    double square = 0;
    for (int64 a = 0; a < d; ++a) square += f[at(i, a)] * f[at(i, a)];
    for (int64 a = 0; a < d; ++a) {
      f[at(i, a)] /= std::sqrt(square) + eps;
      mean[at(0, a)] += f[at(i, a)] / static_cast<double>(n);
    }
  }
  std::vector<int64> chosen;
  std::vector<char> taken(static_cast<size_t>(n));
  for (int64 k = 1; k <= std::min(count, n); ++k) {
    int64 best = -1;
    double least = std::numeric_limits<double>::infinity();
    for (int64 i = 0; i < n; ++i) {
      if (taken[static_cast<size_t>(i)]) continue;
      double distance = 0;
      for (int64 a = 0; a < d; ++a) {
        const double e = (f[at(i, a)] + sum[at(0, a)]) / static_cast<double>(k) - mean[at(0, a)];
        distance += e * e;
      }
      if (best >= 0 && !(distance < least)) continue;
      least = distance;
      best = i;
    }
    taken[static_cast<size_t>(best)] = 1;
    chosen.push_back(best);
    for (int64 a = 0; a < d; ++a) sum[at(0, a)] += f[at(best, a)];
  }
  return chosen;
}

}  // namespace gradus
