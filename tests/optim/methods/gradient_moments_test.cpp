// SGD against gradient descent on one sample: the card's enumerations, moments against naive sums and differences.
#include "optim/methods/gradient_moments.h"

#include <doctest/doctest.h>

#include <array>
#include <cmath>

#include "autograd/functional/flat.h"
#include "autograd/ops/elementwise.h"
#include "autograd/ops/matmul.h"
#include "core/error.h"
#include "core/rng.h"
#include "optim/problems/classifier_pool.h"
#include "optim/problems/linear_pool.h"
#include "tests/precision.h"

using namespace gradus;
using gradus::tests::kDouble;

namespace gradus::gradient_moments_tests {

// l_i = a_i*(th - 1)^2/2: rows sqrt(a_i), targets sqrt(a_i).
LinearPool scaled_squares(const std::vector<double>& a) {
  std::vector<double> roots;
  for (const double v : a) roots.push_back(std::sqrt(v));
  return {roots, roots, LinearPool::Loss::kSquared};
}

TEST_CASE("gradient moments: examples that differ in their curvature, as on the card") {
  const LinearPool pool = scaled_squares({.5, 1.5});
  const double theta = 2;
  const GradientMoments at = gradient_moments(pool, {&theta, 1});
  CHECK(at.mean_gradient[0] == doctest::Approx(1));
  CHECK(at.trace_covariance == doctest::Approx(.25));
  CHECK(at.directional == doctest::Approx(.5));
  CHECK(predicted_difference(at, .1, 10, 2) == doctest::Approx(-2.5e-4));
  CHECK(predicted_difference(at, .1, 10, 1) == 0);
  CHECK(predicted_difference(at, .1, 16, 4) == doctest::Approx(-3 * .01 / 16 * .5));
  CHECK(predicted_gap(at, .1, 10) == doctest::Approx(.0025));
  const auto expected = [&](double lr, int64 steps = 2) {
    return expected_pair(pool, {&theta, 1}, 10, lr, steps);
  };
  CHECK(expected(.1).difference == doctest::Approx(-2.0246e-4).epsilon(1e-4));
  CHECK(expected(.05).difference == doctest::Approx(-5.6404e-5).epsilon(1e-4));
  CHECK(expected(.01).difference == doctest::Approx(-2.45025e-6).epsilon(1e-5));
  CHECK(expected(.1).gap_change == doctest::Approx(.00225).epsilon(1e-9));
  CHECK(expected(.01).gap_change == doctest::Approx(2.475e-4).epsilon(1e-9));
  CHECK(expected(.1, 1).difference == 0);
}

TEST_CASE("gradient moments: without noise no difference; mean estimation differs in the fourth order only") {
  const LinearPool same = scaled_squares({.7, .7});
  const double theta = 2;
  const ExpectedPair none = expected_pair(same, {&theta, 1}, 4, .1, 2);
  CHECK(std::abs(none.difference) < 1e-15);
  CHECK(std::abs(none.gap_change) < 1e-15);
  // (th - x_i)^2/2 with x = -1 and 1: trC = 1.
  const LinearPool mean({1, 1}, {-1, 1}, LinearPool::Loss::kSquared);
  const double start = 0.3;
  CHECK(gradient_moments(mean, {&start, 1}).trace_covariance == doctest::Approx(1));
  CHECK(gradient_moments(mean, {&start, 1}).directional == doctest::Approx(0));
  CHECK(expected_pair(mean, {&start, 1}, 10, .1, 2).difference == doctest::Approx(5e-6).epsilon(1e-6));
}

TEST_CASE("gradient moments: a sample's pair by hand, its parts in order") {
  const LinearPool pool({1, 2}, {0, 1}, LinearPool::Loss::kSquared);
  const double theta = 1;
  const std::array<int64, 4> index = {0, 0, 1, 0};
  // g_0 = t, g_1 = 2(2t - 1) = 4t - 2. Parts {0,0}, {1,0}: 1 - .1 = .9, then .9 - .05*(1.6 + .9).
  const DescentPair pair = descent_pair(pool, {&theta, 1}, index, .1, 2);
  CHECK(pair.theta_sgd[0] == doctest::Approx(.9 - .05 * (1.6 + .9)).epsilon(1e-14));
  const double first = 1 - .1 * (3 * 1 + 2) / 4, second = first - .1 * (3 * first + 4 * first - 2) / 4;
  CHECK(pair.theta_gd[0] == doctest::Approx(second).epsilon(1e-14));
  const auto l0 = [](double t) { return t * t / 2; };
  const auto l1 = [](double t) { return (2 * t - 1) * (2 * t - 1) / 2; };
  const auto test = [&](double t) { return (l0(t) + l1(t)) / 2; };
  const auto gap = [&](double t) { return test(t) - (3 * l0(t) + l1(t)) / 4; };
  CHECK(pair.test_loss_sgd == doctest::Approx(test(pair.theta_sgd[0])).epsilon(1e-14));
  CHECK(pair.gap_gd == doctest::Approx(gap(second)).epsilon(1e-14));
  CHECK(pair.gap_sgd == doctest::Approx(gap(pair.theta_sgd[0])).epsilon(1e-14));
  CHECK(pair.first_step_gap_change == doctest::Approx(gap(first) - gap(1)).epsilon(1e-13));
  CHECK_THROWS_AS(descent_pair(pool, {&theta, 1}, index, .1, 3), UsageError);
  CHECK_THROWS_AS(descent_pair(pool, {&theta, 1}, {}, .1, 1), UsageError);
  CHECK_THROWS_AS(descent_pair(pool, {&theta, 1}, std::array<int64, 1>{2}, .1, 1), UsageError);
  CHECK_THROWS_AS(expected_pair(pool, {&theta, 1}, 30, .1, 2), UsageError);
}

// The trace of a pool, and its derivative along g by differences.
double difference_along(const ExamplePool& pool, const std::vector<double>& theta,
                        const std::vector<double>& along, double h) {
  const auto trace = [&](double by) {
    std::vector<double> at = theta;
    for (size_t i = 0; i < at.size(); ++i) at[i] += by * along[i];
    return gradient_moments(pool, at).trace_covariance;
  };
  return (trace(h) - trace(-h)) / (2 * h);
}

TEST_CASE("gradient moments: the trace's gradient of linear pools against differences") {
  Rng rng(4);
  std::vector<double> x, y;
  for (int i = 0; i < 12; ++i) x.push_back(rng.normal());
  for (int i = 0; i < 4; ++i) y.push_back(i % 2 ? 1 : -1);
  const std::vector<double> theta = {.4, -.8, .3};
  for (const auto loss : {LinearPool::Loss::kSquared, LinearPool::Loss::kLogistic}) {
    const LinearPool pool(x, y, loss);
    const GradientMoments at = gradient_moments(pool, theta);
    for (size_t j = 0; j < 3; ++j) {
      std::vector<double> unit(3, 0.0);
      unit[j] = 1;
      CHECK(at.trace_gradient[j] == doctest::Approx(difference_along(pool, theta, unit, 1e-5)).epsilon(1e-6));
    }
    CHECK(at.directional ==
          doctest::Approx(difference_along(pool, theta, at.mean_gradient, 1e-5)).epsilon(1e-6));
  }
  CHECK_THROWS_AS(LinearPool({1, 2, 3}, {1, 1}, LinearPool::Loss::kSquared), ShapeError);
  CHECK_THROWS_AS(LinearPool({}, {}, LinearPool::Loss::kSquared), UsageError);
}

TEST_CASE("gradient moments: a pool of a network agrees with one example after the other") {
  Rng rng(9);
  const Tensors shapes = {rng.normal_tensor({4, 3}), rng.normal_tensor({4}), rng.normal_tensor({3, 4}),
                          rng.normal_tensor({3})};
  const Tensor x = rng.normal_tensor({5, 3});
  const ClassifierPool pool(
      [](std::span<const Tensor> p, const Tensor& rows) {
        return linear(tanh(linear(rows, p[0], p[1])), p[2], p[3]);
      },
      shapes, x, IntTensor::from({5}, {0, 2, 1, 1, 0}));
  const Tensor flat = flatten_all(shapes);
  const std::vector<double> theta(flat.data(), flat.data() + flat.numel());
  std::vector<double> mean(theta.size(), 0.0);
  double square = 0, loss = 0;
  for (int64 i = 0; i < 5; ++i) {
    const std::vector<double> g = pool.gradient(theta, {&i, 1});
    for (size_t j = 0; j < g.size(); ++j) mean[j] += g[j] / 5, square += g[j] * g[j] / 5;
    loss += pool.loss(theta, {&i, 1}) / 5;
  }
  const double tight = kDouble ? 1e-12 : 1e-5;
  CHECK(pool.loss(theta, {}) == doctest::Approx(loss).epsilon(tight));
  CHECK(pool.mean_square_gradient(theta) == doctest::Approx(square).epsilon(tight));
  const std::vector<double> g = pool.gradient(theta, {});
  for (size_t j = 0; j < g.size(); ++j) CHECK(std::abs(g[j] - mean[j]) < 10 * tight);
  const std::array<int64, 3> repeated = {4, 4, 1};
  CHECK(pool.loss(theta, repeated) ==
        doctest::Approx(
            (2 * pool.loss(theta, std::array<int64, 1>{4}) + pool.loss(theta, std::array<int64, 1>{1})) / 3)
            .epsilon(tight));
  if (kDouble) {
    const GradientMoments at = gradient_moments(pool, theta);
    CHECK(at.trace_gradient.empty());
    CHECK(at.directional == doctest::Approx(difference_along(pool, theta, g, 1e-5)).epsilon(1e-4));
  }
  CHECK_THROWS_AS(ClassifierPool(nullptr, shapes, x, IntTensor::from({1}, {0})), ShapeError);
}

}  // namespace gradus::gradient_moments_tests
