// Small problems by name: values by hand, and every one is a function that optimizers descend on.
#include "optim/problems/registry.h"

#include <doctest/doctest.h>

#include <cmath>
#include <numbers>

#include "autograd/ops/elementwise.h"
#include "core/error.h"
#include "core/linalg.h"
#include "optim/problems/function_objective.h"
#include "optim/problems/low_rank.h"
#include "optim/problems/matrix_completion.h"
#include "optim/problems/test_functions.h"
#include "optim/registry.h"

using namespace gradus;

namespace {

constexpr double kNear = sizeof(real) == 8 ? 1e-12 : 1e-5;

double at(Tensor (*f)(const Tensor&), double x, double y) {
  return static_cast<double>(f(Tensor::from({2}, {static_cast<real>(x), static_cast<real>(y)})).item());
}

}  // namespace

TEST_CASE("problems: the functions of two variables at points by hand") {
  CHECK(at(ravine, 1.5, 1) == doctest::Approx(51.125).epsilon(kNear));
  CHECK(at(saddle, 0, std::numbers::sqrt2) == doctest::Approx(-1).epsilon(kNear));
  CHECK(at(saddle, 2, 1) == doctest::Approx(3.25).epsilon(kNear));
  CHECK(at(rastrigin, 0, 0) == doctest::Approx(0).epsilon(kNear));
  CHECK(at(rastrigin, 0.5, 1) == doctest::Approx(20 + 0.25 + 10 + 1 - 10).epsilon(kNear));
  CHECK(at(rosenbrock, -1.2, 1) == doctest::Approx(24.2).epsilon(1e-5));
  CHECK(at(beale, 3, 0.5) == doctest::Approx(0).epsilon(kNear));
}

TEST_CASE("problems: eigenvalues of the matrix behind, spread by the condition number") {
  CHECK(spread_eigenvalues(3, 100) == std::vector<double>{1, 0.1, 0.01});
  CHECK(spread_eigenvalues(1, 100) == std::vector<double>{1});
  Rng rng(3);
  const Tensor m = random_low_rank(6, std::vector<double>{2, 0.5}, rng, "test");
  const auto values = linalg::eigh(m).values;  // ascending
  CHECK(values.data()[5] == doctest::Approx(2).epsilon(1e-4));
  CHECK(values.data()[4] == doctest::Approx(0.5).epsilon(1e-4));
  CHECK(std::abs(values.data()[3]) < 1e-5);
  CHECK_THROWS_AS(random_low_rank(2, std::vector<double>{1, 1, 1}, rng, "test"), UsageError);
  CHECK_THROWS_AS(random_low_rank(2, std::vector<double>{-1}, rng, "test"), UsageError);
}

TEST_CASE("problems: matrix completion by a loop over known entries") {
  Rng rng(5);
  const MatrixCompletion p =
      random_matrix_completion({.size = 7, .share = 0.5, .eigenvalues = {1, 0.3}}, rng);
  const Tensor x = rng.normal_tensor({7, 3});
  double sum = 0, known = 0;
  for (int64 i = 0; i < 7; ++i)
    for (int64 j = 0; j < 7; ++j) {
      CHECK(p.known.data()[i * 7 + j] == p.known.data()[j * 7 + i]);
      if (p.known.data()[i * 7 + j] == 0) continue;
      ++known;
      double product = 0;
      for (int64 k = 0; k < 3; ++k) product += double(x.data()[i * 3 + k]) * double(x.data()[j * 3 + k]);
      sum += std::pow(product - double(p.truth.data()[i * 7 + j]), 2);
    }
  CHECK(p.share == doctest::Approx(known / 49));
  CHECK(completion_loss(p, x).item() == doctest::Approx(sum / 4 / p.share).epsilon(1e-4));
  CHECK_THROWS_AS(completion_loss(p, Tensor::zeros({6, 2})), ShapeError);
  CHECK_THROWS_AS(random_matrix_completion({.share = 0}, rng), UsageError);
}

TEST_CASE("problems: logistic regression starts at log 2, the quadratic has the curvatures it says") {
  const SmallProblem logistic = make_problem("logistic:size=4,examples=9", Rng(1));
  CHECK(logistic.loss(logistic.start).item() == doctest::Approx(std::log(2.0)));
  const SmallProblem quadratic = make_problem("quadratic:size=3,condition=100", Rng(1));
  const Tensor ones = Tensor::ones({3});
  CHECK(quadratic.loss(std::vector<Tensor>{ones}).item() == doctest::Approx((1 + 0.1 + 0.01) / 2));
}

// A quarter of the value at the start is far above what Adam leaves of each within 400 steps; rastrigin and saddle have
// stationary values of their own.
TEST_CASE("problems: Adam descends on each, Newton products are there") {
  for (const ProblemEntry& e : problems()) {
    CAPTURE(std::string(e.name));
    const SmallProblem p = make_problem(e.name, Rng(2));
    Parameters parameters;
    for (const Tensor& t : p.start) parameters.push_back(make_parameter("w", ParamKind::kWeight, t.clone()));
    FunctionObjective objective(parameters, p.loss);
    const auto adam = make_optimizer("adam:lr=0.03", parameters);
    const double first = objective.loss();
    for (int i = 0; i < 400; ++i) adam->step(objective);
    const double last = objective.loss();
    if (e.name == std::string("saddle"))
      CHECK(last == doctest::Approx(-1).epsilon(1e-3));
    else if (e.name == std::string("rastrigin"))
      CHECK(last < first - 10);
    else
      CHECK(last < first / 4);
    // H v against a difference of gradients along v.
    if (sizeof(real) != 8) continue;
    const std::vector<Tensor> v = {Rng(4).normal_tensor(p.start[0].shape())};
    const Tensor product = objective.hvp(v)[0];
    const Tensor here = parameters[0]->value.clone();
    const auto gradient_at = [&](double h) {
      parameters[0]->value = here + v[0] * static_cast<real>(h);
      objective.gradient();
      return parameters[0]->grad;
    };
    const Tensor difference = (gradient_at(1e-5) - gradient_at(-1e-5)) * static_cast<real>(5e4);
    for (int64 i = 0; i < product.numel(); ++i)
      CHECK(difference.data()[i] == doctest::Approx(product.data()[i]).epsilon(1e-5).scale(1));
  }
}

TEST_CASE("problems: wrong words are named") {
  CHECK_THROWS_WITH_AS(make_problem("rosenbrok", Rng(1)), doctest::Contains("rosenbrock"), UsageError);
  CHECK_THROWS_WITH_AS(make_problem("quadratic:sise=3", Rng(1)), doctest::Contains("size"), UsageError);
  CHECK_THROWS_AS(make_problem("matrix-sensing:rank=50", Rng(1)), UsageError);
}
