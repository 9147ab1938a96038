// SAVIC's scaling: figures by hand.
#include "optim/client/diagonal_scaling.h"

#include <doctest/doctest.h>

#include <cmath>

#include "core/error.h"

using namespace gradus;

namespace {

constexpr double kScalingNear = sizeof(real) == 8 ? 1e-12 : 2e-6;
// D after h_0 and h_1.
double after_two(const ScalingOptions& o, double h0, double h1) {
  DiagonalScaling scaling(o);
  scaling.update(Tensor::full({1}, static_cast<real>(h0)));
  scaling.update(Tensor::full({1}, static_cast<real>(h1)));
  return static_cast<double>(scaling.d().data()[0]);
}

}  // namespace

TEST_CASE("local scaling: D after two statistics by hand") {
  CHECK(after_two({}, 2, 1) == doctest::Approx(1.580902).epsilon(1e-6));  // beta_1 = 0.49975: D^2 = 2.49925
  CHECK(after_two({}, 2, 1) ==
        doctest::Approx(std::sqrt(4 * (0.999 / 1.999) + 1 - 0.999 / 1.999)).epsilon(kScalingNear));
  CHECK(after_two({.scaling = "rmsprop", .beta = 0.9}, -2, 1) ==
        doctest::Approx(std::sqrt(0.9 * 4 + 0.1)).epsilon(kScalingNear));
  CHECK(after_two({.scaling = "adahessian", .beta = 0.9}, 2, -1) ==
        doctest::Approx(std::sqrt(0.9 * 4 + 0.1)).epsilon(kScalingNear));
  CHECK(after_two({.scaling = "oasis"}, 0.01, -2) == doctest::Approx(0.0099 - 0.02).epsilon(kScalingNear));
}

TEST_CASE("local scaling: the floor, a step by hand, and nothing before the first statistic") {
  for (const char* floor : {"max", "add"}) {
    DiagonalScaling scaling({.scaling = "oasis", .alpha = 0.01, .floor = floor});
    CHECK_THROWS_AS(scaling.floored(), UsageError);
    scaling.update(Tensor::from({2}, {real(2), real(0.0001)}));
    const Tensor hat = scaling.floored();
    const bool add = floor == std::string("add");
    CHECK(hat.data()[0] == doctest::Approx(add ? 2.01 : 2).epsilon(kScalingNear));
    CHECK(hat.data()[1] == doctest::Approx(add ? 0.0101 : 0.01).epsilon(kScalingNear));
    if (!add) {  // g = (4, 0.001), lr 0.1
      CHECK(0.1 * 4 / static_cast<double>(hat.data()[0]) == doctest::Approx(0.2).epsilon(kScalingNear));
      CHECK(0.1 * 0.001 / static_cast<double>(hat.data()[1]) == doctest::Approx(0.01).epsilon(kScalingNear));
    }
    CHECK_THROWS_AS(scaling.update(Tensor::ones({3})), ShapeError);
    // D = 0.99 (2, 0.0001) + 0.01 (-300, -300): its size counts, not its sign.
    scaling.update(Tensor::full({2}, -300));
    CHECK(scaling.floored().data()[0] == doctest::Approx(add ? 1.03 : 1.02).epsilon(kScalingNear));
    CHECK(scaling.floored().data()[1] == doctest::Approx(add ? 3.009901 : 2.999901).epsilon(kScalingNear));
  }
}
