#include "core/quasi_random.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "core/error.h"
#include "core/statistics.h"

namespace gradus {
namespace {

constexpr std::array<int64, kHaltonDimensions> kPrimes{2, 3, 5, 7, 11, 13, 17, 19, 23, 29};

double radical_inverse(int64 index, int64 base) {
  double value = 0, digit = 1;
  for (; index > 0; index /= base) {
    digit /= static_cast<double>(base);
    value += digit * static_cast<double>(index % base);
  }
  return value;
}

}  // namespace

Tensor halton_points(int64 n, std::span<const double> shift, int64 start_index) {
  const int64 d = std::ssize(shift);
  if (n < 1 || start_index < 0)
    fail<UsageError>("halton points: {} points from index {}, expected at least 1 from 0 or more", n,
                     start_index);
  if (d > kHaltonDimensions)
    fail<UsageError>("halton points: {} coordinates, there are primes for {}", d, kHaltonDimensions);
  Tensor points({n, d});
  real* to = points.mutable_data();
  for (int64 m = 0; m < n; ++m)
    for (int64 j = 0; j < d; ++j) {
      const auto at = static_cast<size_t>(j);
      const double u = radical_inverse(start_index + m, kPrimes[at]) + shift[at];
      *to++ = static_cast<real>(u - std::floor(u));
    }
  return points;
}

Tensor latin_hypercube(int64 n, int64 d, Rng& rng) {
  Tensor points({n, d});
  real* to = points.mutable_data();
  for (int64 j = 0; j < d; ++j) {
    const std::vector<int64> order = rng.permutation(n);
    for (int64 m = 0; m < n; ++m)
      to[m * d + j] = static_cast<real>((static_cast<double>(order[static_cast<size_t>(m)]) + rng.uniform()) /
                                        static_cast<double>(n));
  }
  return points;
}

Tensor normal_of_uniform(const Tensor& u) {
  const double least = static_cast<double>(std::numeric_limits<real>::min()),
               most = static_cast<double>(std::nextafter(real(1), real(0)));
  Tensor z(u.shape());
  real* to = z.mutable_data();
  for (int64 i = 0; i < u.numel(); ++i)
    to[i] = static_cast<real>(normal_quantile(std::clamp(static_cast<double>(u.data()[i]), least, most)));
  return z;
}

}  // namespace gradus
