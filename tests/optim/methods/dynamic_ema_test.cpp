// A running mean with a weight set anew: the card's weights, limits, bounds of the mean.
#include "optim/methods/dynamic_ema.h"

#include <doctest/doctest.h>

#include <algorithm>

#include "core/rng.h"

namespace gradus::dynamic_ema_tests {

using doctest::Approx;

Tensor one(double v) { return Tensor::full({1}, static_cast<real>(v)); }

// The weight of a second step with a = ||theta - star||, b = ||g||, c = ||g - g_prev||.
double second_weight(double a, double b, double c, const DynamicEmaOptions& o = {}) {
  DynamicEma ema(o);
  CHECK(ema.update(one(0), one(b - c)) == o.base_weight);
  CHECK(ema.fell_back());
  return ema.update(one(a), one(b));
}

TEST_CASE("dynamic ema: weights of the card") {
  CHECK(second_weight(0.2, 3, 50) == Approx(0.8).epsilon(1e-5));
  CHECK(second_weight(0.2, 3, 10) == 0.01);  // 4.0 is out of range
  CHECK(second_weight(0.2, 3, 50, {.mode = "paper"}) == Approx(0.2).epsilon(1e-5));
  // The secant divides c by the change of the weights, here a.
  CHECK(second_weight(0.2, 3, 50, {.curvature = "secant"}) == Approx(0.16).epsilon(1e-5));
  CHECK(second_weight(0, 3, 50) == 0.01);
  CHECK(second_weight(0, 3, 50, {.curvature = "secant"}) == 0.01);
}

TEST_CASE("dynamic ema: the first step, weights that stay, fixed weights 1 and 0") {
  DynamicEma ema;
  ema.update(Tensor::from({2}, {1, 2}), Tensor::from({2}, {1, 1}));
  CHECK(ema.average().values() == std::vector<real>{1, 2});
  for (int k = 0; k < 5; ++k) {
    CHECK(ema.update(Tensor::from({2}, {1, 2}), Tensor::from({2}, {real(k), 3})) == 0.01);
    CHECK(ema.average().values() == std::vector<real>{1, 2});
  }
  for (const double w : {0.0, 1.0}) {
    DynamicEma fixed({.factor = 1e30, .base_weight = w});
    fixed.update(one(1), one(1));
    fixed.update(one(5), one(2));
    CHECK(fixed.average().item() == (w == 1 ? 5 : 1));
  }
  CHECK_THROWS_AS(ema.update(one(1), one(1)), ShapeError);
}

TEST_CASE("dynamic ema: the mean lies between the weights seen so far") {
  Rng rng(1);
  DynamicEma ema({.factor = 1});
  std::vector<real> low(4, 1e30f), high(4, -1e30f);
  int valid = 0;
  for (int k = 0; k < 50; ++k) {
    const Tensor theta = rng.normal_tensor({4});
    ema.update(theta, rng.normal_tensor({4}));
    valid += !ema.fell_back();
    for (size_t i = 0; i < 4; ++i) {
      low[i] = std::min(low[i], theta.data()[i]);
      high[i] = std::max(high[i], theta.data()[i]);
      CHECK(ema.average().data()[i] >= low[i] - real(1e-6));
      CHECK(ema.average().data()[i] <= high[i] + real(1e-6));
    }
  }
  CHECK(valid > 20);
}

}  // namespace gradus::dynamic_ema_tests
