// Whitening by gains: the card's frames and figures, and that the step is the gradient of the objective.
#include "optim/methods/gain_whitening.h"

#include <doctest/doctest.h>

#include <cmath>
#include <numbers>

#include "core/error.h"
#include "core/linalg.h"

using namespace gradus;

namespace gradus::gain_whitening_tests {

double gain(const Tensor& t, int64 i) { return static_cast<double>(t.data()[i]); }

Tensor diagonal(double a, double b) {
  return Tensor::from({2, 2}, {static_cast<real>(a), real(0), real(0), static_cast<real>(b)});
}

// min over y of E[||x - y||^2 + sum_i g_i((w_i'y)^2 - 1)] = trace(C (I - M)) - sum g.
double objective(const Tensor& W, const Tensor& g, const Tensor& c) {
  const Tensor m = whitening_map(W, g, 1), mc = linalg::matmul(m, c);
  double value = 0;
  for (int64 i = 0; i < c.dim(0); ++i) value += gain(c, i * c.dim(0) + i) - gain(mc, i * c.dim(0) + i);
  for (int64 k = 0; k < g.numel(); ++k) value -= gain(g, k);
  return value;
}

}  // namespace gradus::gain_whitening_tests
using namespace gradus::gain_whitening_tests;

TEST_CASE("gain_whitening: Mercedes frame, its first step, optimal gains, clamped ascent") {
  const Tensor W = mercedes_frame(), c = diagonal(4, 1);
  const Tensor best = optimal_gains(W, c);
  const double expected[] = {1, 0, 0};
  for (int64 k = 0; k < 3; ++k) CHECK(gain(best, k) == doctest::Approx(expected[k]).epsilon(1e-5));
  CHECK(std::abs(whitening_error(W, best, c).worst) < 1e-5);
  Tensor g = Tensor::ones({3});
  GainWhiteningOptions o;
  o.lr = 0.1;
  CHECK(gain(whitening_map(W, g, 1), 0) == doctest::Approx(0.4));
  gain_step_offline(W, g, c, o);
  CHECK(gain(g, 0) == doctest::Approx(0.964));
  CHECK(gain(g, 1) == doctest::Approx(0.928));
  CHECK(gain(g, 2) == doctest::Approx(0.928));
  const Tensor contracted = diagonal(4, 0.25), free = optimal_gains(W, contracted);
  CHECK(gain(free, 0) == doctest::Approx(1.1666667).epsilon(1e-5));
  CHECK(gain(free, 1) == doctest::Approx(-0.3333333).epsilon(1e-5));
  o.clamp = true;
  for (int t = 0; t < 2000; ++t) gain_step_offline(W, g, contracted, o);
  for (int64 k = 0; k < 3; ++k) CHECK(gain(g, k) == doctest::Approx(expected[k]).epsilon(1e-4));
  CHECK(whitening_error(W, g, contracted).worst == doctest::Approx(0.75).epsilon(1e-3));
  CHECK(whitening_error(W, g, contracted, o).spectral < 1e-6);
}

TEST_CASE("gain_whitening: rotated inputs, variances alone, white input") {
  const double s = 1 / std::numbers::sqrt2, a = 55 * std::numbers::pi / 180;
  const Tensor W =
      Tensor::from({2, 3}, {real(0), static_cast<real>(s), real(1), real(1), static_cast<real>(s), real(0)});
  const double u = std::cos(a), v = std::sin(a);
  const Tensor c =
      Tensor::from({2, 2}, {static_cast<real>(20 * u * u + 5 * v * v), static_cast<real>(15 * u * v),
                            static_cast<real>(15 * u * v), static_cast<real>(20 * v * v + 5 * u * u)});
  const double expected[] = {1.6858838, 2.1012166, .9211035};
  for (int64 k = 0; k < 3; ++k)
    CHECK(gain(optimal_gains(W, c), k) == doctest::Approx(expected[k]).epsilon(1e-5));
  const Tensor variances = optimal_gains(linalg::identity(2), diagonal(9, 4));
  CHECK(gain(variances, 0) == doctest::Approx(2));
  CHECK(gain(variances, 1) == doctest::Approx(1));
  Tensor g = Tensor::zeros({3});
  gain_step_offline(W, g, linalg::identity(2), {});
  for (int64 k = 0; k < 3; ++k) CHECK(std::abs(gain(g, k)) < 1e-6);
  CHECK_THROWS_AS(whitening_map(W, Tensor::zeros({2}), 1), ShapeError);
}

TEST_CASE(
    "gain_whitening: the offline step climbs the objective; a batch whose covariance is C makes the same "
    "step") {
  const Tensor W = mercedes_frame(), c = diagonal(3, 1.5);
  const Tensor start = Tensor::from({3}, {real(0.5), real(0.2), real(-0.1)});
  GainWhiteningOptions o;
  o.lr = 1;
  Tensor offline = start.clone(), online = start.clone();
  gain_step_offline(W, offline, c, o);
  const real p = static_cast<real>(std::sqrt(6.0)), q = static_cast<real>(std::sqrt(3.0));
  gain_step_online(W, online, Tensor::from({2, 2}, {p, real(0), real(0), q}),
                   o);  // mean of x x' is diag(3, 1.5)
  const double h = sizeof(real) == 8 ? 1e-6 : 1e-2;
  for (int64 k = 0; k < 3; ++k) {
    Tensor up = start.clone(), down = start.clone();
    up.mutable_data()[k] += static_cast<real>(h), down.mutable_data()[k] -= static_cast<real>(h);
    CHECK(gain(offline, k) - gain(start, k) ==
          doctest::Approx((objective(W, up, c) - objective(W, down, c)) / (2 * h))
              .epsilon(sizeof(real) == 8 ? 1e-6 : 1e-2));
    CHECK(gain(online, k) == doctest::Approx(gain(offline, k)).epsilon(1e-5));
  }
}

TEST_CASE("gain_whitening: sizes and columns of local frames") {
  CHECK(local_frame(12, 12, 4, 4).dim(1) == 2664);
  CHECK(local_frame(8, 8, 3, 3).dim(1) == 610);
  CHECK(local_frame(6, 6, 3, 3).dim(1) == 306);
  const Tensor W = local_frame(2, 2, 2, 1);  // pairs of one column: (0,2), (1,3)
  REQUIRE(W.dim(1) == 6);
  CHECK(gain(W, 0 * 6 + 4) == doctest::Approx(1 / std::numbers::sqrt2));
  CHECK(gain(W, 2 * 6 + 4) == doctest::Approx(1 / std::numbers::sqrt2));
  CHECK(gain(W, 1 * 6 + 4) == 0);
}
