// AdaSketch-Newton: the card's small problem, projections by hand, derivatives of the merit, problems with known minimisers.
#include "optim/methods/adasketch_newton.h"

#include <doctest/doctest.h>

#include <cmath>
#include <type_traits>

#include "core/error.h"
#include "core/linalg.h"

using namespace gradus;

namespace gradus::adasketch_tests {

constexpr bool kWide = std::is_same_v<real, double>;

// min x1^2 + 2 x2^2 subject to x1 + x2 = 1.
EqualityProgram two_numbers() {
  return quadratic_program(Tensor::from({2, 2}, {2, 0, 0, 4}), Tensor::zeros({2}), Tensor::zeros({1, 2, 2}),
                           Tensor::ones({1, 2}), Tensor::ones({1}));
}

TEST_CASE(
    "adasketch-newton: a quadratic under a linear constraint takes one step, after one change of weights") {
  RandomSketches none{Rng(1)};
  const AdaSketchRun run = adasketch_newton(two_numbers(), Tensor::zeros({2}), Tensor::zeros({1}),
                                            {.steps = 1, .sketch = "exact"}, none);
  CHECK(double(run.x.data()[0]) == doctest::Approx(2.0 / 3).epsilon(1e-6));
  CHECK(double(run.x.data()[1]) == doctest::Approx(1.0 / 3).epsilon(1e-6));
  CHECK(double(run.lambda.data()[0]) == doctest::Approx(-4.0 / 3).epsilon(1e-6));
  REQUIRE(run.steps.size() == 1);
  CHECK(run.steps[0].alpha == 1);
  CHECK(run.steps[0].eta1 == doctest::Approx(2.25));
  CHECK(run.steps[0].eta2 == doctest::Approx(0.1 / 1.5));
  CHECK(run.steps[0].slope == doctest::Approx(4.0 / 3 - 2.25).epsilon(1e-5));
  CHECK(run.steps[0].shift == 0);
  CHECK(run.kkt_residuals[0] == doctest::Approx(1));
  CHECK(run.kkt_residuals[1] < 1e-6);
}

TEST_CASE("sketch-project: a row by hand; the distance to the solution never grows") {
  const Tensor k = Tensor::from({3, 3}, {2, 0, 1, 0, 1, 1, 1, 1, 0}), b = Tensor::from({3}, {1, 2, 3});
  SketchedSystem system(k, b);
  CHECK(system.residual_norm() == doctest::Approx(std::sqrt(14.0)));
  system.project_row(0);
  CHECK(system.z()[0] == doctest::Approx(0.4));
  CHECK(system.z()[1] == 0);
  CHECK(system.z()[2] == doctest::Approx(0.2));
  const Tensor solution = linalg::solve(k, b);
  Rng rng(2);
  for (const bool rows : {true, false}) {
    SketchedSystem s(k, b);
    RandomSketches source(rng);
    double last = 1e9;
    for (int draw = 0; draw < 400; ++draw) {
      if (rows)
        s.project_row(source.row(3));
      else
        s.project_vector(source.vector(3));
      double square = 0;
      for (size_t i = 0; i < 3; ++i) square += std::pow(s.z()[i] - double(solution.data()[i]), 2);
      CHECK(square <= last + 1e-10);
      last = square;
    }
    CHECK(std::sqrt(last) < (kWide ? 1e-8 : 1e-5));
  }
  CHECK_THROWS_AS(SketchedSystem(k, Tensor::ones({2})), ShapeError);
}

TEST_CASE("adasketch-newton: the merit's gradient is its derivative, also where constraints are curved") {
  if (!kWide) return;
  const MeritWeights eta{1.3, 0.4};
  for (const EqualityProgram& p : hock_schittkowski()) {
    CAPTURE(p.name);
    const int64 m = p.constraint(p.start).numel(), d = p.start.numel();
    Rng rng(6);
    const Tensor x = rng.normal_tensor({d}), lambda = rng.normal_tensor({m});
    const MeritPoint at = merit_point(p, x, lambda, eta);
    const double h = 1e-5;
    const auto slope_along = [&](Tensor up, Tensor down, const Tensor& l_up, const Tensor& l_down) {
      return (merit_point(p, up, l_up, eta).merit - merit_point(p, down, l_down, eta).merit) / (2 * h);
    };
    const auto shifted = [&](const Tensor& v, int64 i, double by) {
      Tensor w = v.clone();
      w.mutable_data()[i] += static_cast<real>(by);
      return w;
    };
    for (int64 i = 0; i < d; ++i)
      CHECK(slope_along(shifted(x, i, h), shifted(x, i, -h), lambda, lambda) ==
            doctest::Approx(double(at.merit_x.data()[i])).epsilon(1e-5));
    for (int64 j = 0; j < m; ++j)
      CHECK(slope_along(x, x, shifted(lambda, j, h), shifted(lambda, j, -h)) ==
            doctest::Approx(double(at.merit_lambda.data()[j])).epsilon(1e-5));
  }
}

TEST_CASE("adasketch-newton: eight standard problems end at their minimisers, whatever solves the systems") {
  for (const char* sketch : {"exact", "kaczmarz", "gaussian"})
    for (const EqualityProgram& p : hock_schittkowski()) {
      if (p.name == "hs6" && std::string(sketch) == "kaczmarz")
        continue;  // hundreds of thousands of projections
      CAPTURE(p.name);
      CAPTURE(sketch);
      AdaSketchOptions o{
          .steps = 40, .sketch = sketch, .psi = 1, .delta_floor = 1e-3, .tolerance = kWide ? 1e-8 : 1e-4};
      RandomSketches source{Rng(3)};
      const AdaSketchRun run =
          adasketch_newton(p, p.start, Tensor::ones({p.constraint(p.start).numel()}), o, source);
      CHECK(run.kkt_residuals.back() <= o.tolerance);
      for (int64 i = 0; i < run.x.numel(); ++i)
        CHECK(double(run.x.data()[i]) ==
              doctest::Approx(double(p.solution.data()[i])).epsilon(kWide ? 1e-5 : 1e-2));
    }
}

TEST_CASE("adasketch-newton: logistic regression on a sphere; dependent constraints are refused") {
  Rng rng(8);
  const Tensor features = rng.normal_tensor({60, 4});
  Tensor signs({60});
  for (int64 i = 0; i < 60; ++i) signs.mutable_data()[i] = features.data()[4 * i] > 0 ? real{1} : real{-1};
  const EqualityProgram p =
      logistic_on_sphere(features, signs, Tensor::from({1, 4}, {0, 1, 1, 1}), Tensor::zeros({1}));
  RandomSketches source{Rng(3)};
  const AdaSketchRun run = adasketch_newton(
      p, p.start, Tensor::ones({2}),
      {.steps = 60, .psi = 1, .delta_floor = 1e-3, .tolerance = kWide ? 1e-9 : 1e-4}, source);
  double square = 0, sum = 0;
  for (int64 i = 0; i < 4; ++i) square += std::pow(double(run.x.data()[i]), 2);
  for (int64 i = 1; i < 4; ++i) sum += double(run.x.data()[i]);
  CHECK(square == doctest::Approx(1).epsilon(1e-4));
  CHECK(std::abs(sum) < 1e-3);
  CHECK(double(run.x.data()[0]) > 0.9);  // the coordinate that tells the signs
  const EqualityProgram twice =
      quadratic_program(linalg::identity(2), Tensor::zeros({2}), Tensor::zeros({2, 2, 2}),
                        Tensor::ones({2, 2}), Tensor::ones({2}));
  CHECK_THROWS_WITH_AS(adasketch_newton(twice, Tensor::zeros({2}), Tensor::zeros({2}), {}, source),
                       doctest::Contains("nearly dependent"), NumericError);
}

}  // namespace gradus::adasketch_tests
