#include "optim/vocabulary/powers.h"

#include <doctest/doctest.h>

#include <cmath>
#include <initializer_list>
#include <limits>

#include "tests/precision.h"

using namespace gradus;

TEST_CASE("powers: those of the standard library, over the range of squared gradients") {
  const double tolerance = tests::kDouble ? 1e-13 : 2e-5;
  for (double x = 1e-30; x < 1e30; x *= 7.3)
    for (const double p : {0.0, 0.1, 0.24, 0.5, 0.75, 1.0}) {
      const double exact = std::pow(double(real(x)), double(real(p)));
      CHECK(std::abs(double(power(real(x), real(p))) / exact - 1) < tolerance);
      CHECK(std::abs(double(cube_root(real(x))) / std::cbrt(double(real(x))) - 1) < tolerance);
    }
}

TEST_CASE("powers: the chosen form is the power it stands for") {
  for (const double p : {0.25, 0.5, 0.6, 1.0, 2.0}) {
    CAPTURE(p);
    int chosen = 0;
    with_power(p, [&](auto powered) {
      ++chosen;
      for (const real x : {real(0), real(0.3), real(1), real(7)})
        CHECK(double(powered(x)) == doctest::Approx(std::pow(double(x), p)).epsilon(2e-5));
    });
    CHECK(chosen == 1);
  }
  with_power(0.5, [](auto powered) { CHECK(powered(real(2)) == std::sqrt(real(2))); });
  with_power(1, [](auto powered) { CHECK(powered(real(0.1)) == real(0.1)); });
}

TEST_CASE("powers: of zero and of one") {
  CHECK(power(0, real(0.3)) == 0);
  CHECK(power(0, 0) == 1);
  CHECK(power(1, real(0.3)) == 1);
  CHECK(cube_root(0) == 0);
  CHECK(cube_root(1) == 1);
  CHECK(power(std::numeric_limits<real>::min(), real(0.5)) > 0);
}
