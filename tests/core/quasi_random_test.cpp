#include "core/quasi_random.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/error.h"
#include "core/statistics.h"
#include "tests/precision.h"

namespace gradus::quasi_random_tests {

TEST_CASE("halton points: radical inverses by hand, shifted modulo 1") {
  const double none[] = {0, 0}, shift[] = {0.75, 0.5};
  const Tensor p = halton_points(4, none);
  const double expected[] = {1 / 2., 1 / 3., 1 / 4., 2 / 3., 3 / 4., 1 / 9., 1 / 8., 4 / 9.};
  for (int i = 0; i < 8; ++i) CHECK(double(p.data()[i]) == doctest::Approx(expected[i]));
  const Tensor q = halton_points(1, shift, 3);
  CHECK(double(q.data()[0]) == doctest::Approx(0.5));
  CHECK(double(q.data()[1]) == doctest::Approx(0.5 + 1 / 9.));
  CHECK(double(halton_points(1, none, 0).data()[0]) == 0);
  CHECK_THROWS_AS(halton_points(0, none), UsageError);
  CHECK_THROWS_AS(halton_points(1, none, -1), UsageError);
  CHECK_THROWS_AS(halton_points(1, std::vector<double>(11, 0.0)), UsageError);
}

TEST_CASE("latin hypercube: one point in each part of each coordinate") {
  Rng rng(3);
  const Tensor p = latin_hypercube(8, 3, rng);
  for (int64 j = 0; j < 3; ++j) {
    std::vector<int> parts;
    for (int64 m = 0; m < 8; ++m)
      parts.push_back(static_cast<int>(std::floor(8 * double(p.data()[m * 3 + j]))));
    CHECK(!std::is_sorted(parts.begin(), parts.end()));
    std::sort(parts.begin(), parts.end());
    for (int m = 0; m < 8; ++m) CHECK(parts[static_cast<size_t>(m)] == m);
  }
}

TEST_CASE("normal quantile: tables, tails, symmetry") {
  CHECK(std::abs(normal_quantile(0.5)) < 1e-15);
  CHECK(normal_quantile(0.975) == doctest::Approx(1.959963984540054).epsilon(1e-14));
  CHECK(normal_quantile(0.9) == doctest::Approx(1.2815515655446004).epsilon(1e-14));
  CHECK(normal_quantile(1e-10) == doctest::Approx(-6.361340902404056).epsilon(1e-13));
  CHECK(normal_quantile(1e-300) == doctest::Approx(-37.0471).epsilon(1e-5));
  CHECK(normal_quantile(0.25) == -normal_quantile(0.75));
  for (const double p : {1e-20, 1e-5, 0.03, 0.3, 0.7, 0.999})
    CHECK(normal_cdf(normal_quantile(p)) == doctest::Approx(p).epsilon(1e-12));
  CHECK(normal_quantile(0) == -std::numeric_limits<double>::infinity());
  CHECK(normal_quantile(1) == std::numeric_limits<double>::infinity());
  CHECK_THROWS_AS(normal_quantile(1.5), UsageError);
  const Tensor z = normal_of_uniform(Tensor::from({3}, {0, 0.5, 1}));
  CHECK(std::abs(double(z.data()[1])) < 1e-15);
  CHECK(std::isfinite(double(z.data()[0])));
  CHECK(std::isfinite(double(z.data()[2])));
}

}  // namespace gradus::quasi_random_tests
