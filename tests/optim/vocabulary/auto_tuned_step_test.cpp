// Delta-SGD: the card's figures, of the step size alone and of the optimizer.
#include "optim/vocabulary/auto_tuned_step.h"

#include <doctest/doctest.h>

#include <cmath>

#include "autograd/ops/elementwise.h"
#include "autograd/ops/reduce.h"
#include "optim/problems/function_objective.h"
#include "optim/registry.h"

using namespace gradus;

namespace {

constexpr double kAutoNear = sizeof(real) == 8 ? 1e-9 : 2e-6;

struct DeltaRun {
  Parameters parameters{make_parameter("w", ParamKind::kWeight, Tensor::ones({1}))};
  Function f;
  OptimizerPtr optimizer;
  DeltaRun(const char* spec, Function function)
      : f(std::move(function)), optimizer(make_optimizer(spec, parameters)) {}
  double step() {
    FunctionObjective objective(parameters, f);
    optimizer->step(objective);
    return static_cast<double>(parameters[0]->value.data()[0]);
  }
  double lr() const { return optimizer->scalar("lr").value(); }
};

Tensor five_squares(std::span<const Tensor> w) { return sum(square(w[0])) * real(5); }

}  // namespace

TEST_CASE("delta-sgd: 5 x^2 from 1 in both forms") {
  DeltaRun paper("delta-sgd:form=paper", five_squares);
  CHECK(paper.step() == doctest::Approx(-1).epsilon(kAutoNear));
  CHECK(std::abs(paper.step()) < kAutoNear);  // 1/L is exact
  CHECK(paper.lr() == doctest::Approx(0.1).epsilon(kAutoNear));
  DeltaRun reference("delta-sgd", five_squares);
  CHECK(reference.step() == doctest::Approx(-1.0976176963).epsilon(kAutoNear));
  CHECK(reference.lr() == doctest::Approx(0.2097617696).epsilon(kAutoNear));
  const double second = reference.step();
  if (sizeof(real) == 8) {
    CHECK(reference.lr() == doctest::Approx(0.1 + 1e-8).epsilon(1e-12));
    CHECK(second == doctest::Approx(1.0976e-7).epsilon(1e-4));
  }
}

TEST_CASE("delta-sgd: a linear function only lets it grow, towards the root of t^2 = 1 + delta t") {
  DeltaRun run("delta-sgd", [](std::span<const Tensor> w) { return sum(w[0]) * real(3); });
  for (const double lr : {0.2097617696, 0.2204875482, 0.2317861458}) {
    run.step();
    CHECK(run.lr() == doctest::Approx(lr).epsilon(kAutoNear));
  }
  AutoTunedStep step{0.2, 1};
  for (int k = 0; k < 60; ++k) step.advance({}, 0, 0, false);
  CHECK(step.theta == doctest::Approx(1.0512492197).epsilon(1e-9));
}

TEST_CASE("delta-sgd: delta = 0 with an inactive estimate is SGD; a loss times c has a step size over c") {
  DeltaRun plain("delta-sgd:delta=0,lr=0.01,form=paper", five_squares);
  double x = 1;
  for (int k = 0; k < 5; ++k) CHECK(plain.step() == doctest::Approx(x -= 0.01 * 10 * x).epsilon(1e-5));
  AutoTunedStep a{1, 1}, b{1, 1};
  a.advance({.form = "paper"}, 0.5, 10, false), b.advance({.form = "paper"}, 0.5, 70, false);
  CHECK(a.lr == doctest::Approx(7 * b.lr).epsilon(1e-12));
}

// On a quadratic any two points give 1/L; here only the last two give the right one.
TEST_CASE("delta-sgd: the estimate is between the last two points, x^4/4 from 1 by hand") {
  DeltaRun run("delta-sgd:form=paper,lr=0.1,delta=100",
               [](std::span<const Tensor> w) { return sum(square(square(w[0]))) * real(0.25); });
  double before = 1, x = run.step();
  CHECK(x == doctest::Approx(0.9).epsilon(kAutoNear));
  for (int k = 0; k < 2; ++k) {
    const double lr = (before - x) / (before * before * before - x * x * x);
    before = x;
    x = run.step();
    CHECK(run.lr() == doctest::Approx(lr).epsilon(sizeof(real) == 8 ? 1e-9 : 1e-4));
    CHECK(x ==
          doctest::Approx(before - lr * before * before * before).epsilon(sizeof(real) == 8 ? 1e-9 : 1e-4));
  }
}

TEST_CASE("delta-sgd: the pull is a part of both gradients and acts towards the first weights") {
  // 5 x^2 with prox_mu 2: L = 12; g = 10 x + 2 (x - 1).
  DeltaRun run("delta-sgd:form=paper,prox_mu=2,lr=0.08", five_squares);
  CHECK(run.step() == doctest::Approx(1 - 0.08 * 10).epsilon(kAutoNear));
  CHECK(run.step() == doctest::Approx(0.2 - (2 - 1.6) / 12).epsilon(1e-5));
  CHECK(run.lr() == doctest::Approx(1.0 / 12).epsilon(1e-5));
}
