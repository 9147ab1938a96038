// Policies improved by their Bellman backup: the scalar regulator by hand, finite differences, what must not move.
#include "optim/bilevel/policy_backup.h"

#include <doctest/doctest.h>

#include <cmath>

#include "autograd/ops/elementwise.h"
#include "autograd/ops/matmul.h"
#include "autograd/ops/reduce.h"
#include "autograd/ops/shape_ops.h"
#include "core/error.h"
#include "core/rng.h"
#include "tests/precision.h"

namespace gradus::policy_backup_tests {

using tests::kDouble;

const double kGolden = (1 + std::sqrt(5.0)) / 2;

double slope(const ControlProblem& problem, double k, double p, const Tensor& x, const BackupOptions& o) {
  const auto number = [](double v) { return Tensor::scalar(static_cast<real>(v)); };
  return double(value_and_grad(
                    [&](std::span<const Tensor> theta) {
                      return backup_objective(problem, theta, Tensors{number(p)}, x, o);
                    },
                    Tensors{number(k)}, {.allow_unused = true})
                    .grads[0]
                    .item());
}

TEST_CASE("policy backup: the regulator's slope is 2*x^2*(p*(1 - k) - k), zero at the Riccati solution") {
  const ControlProblem problem = ScalarRegulator{}.problem();
  const Tensor x = Tensor::from({1, 1}, {1.5});
  for (const double k : {0.1, 0.5, 0.9})
    for (const double p : {0.5, 2.0})
      CHECK(slope(problem, k, p, x, {.gamma = 1}) ==
            doctest::Approx(2 * 2.25 * (p * (1 - k) - k)).epsilon(1e-5));
  CHECK(std::abs(slope(problem, kGolden / (1 + kGolden), kGolden, x, {.gamma = 1})) < 1e-5);
  CHECK(kGolden / (1 + kGolden) == doctest::Approx(0.618034));
  // gamma = 0: the slope of the reward alone, -k^2*x^2.
  CHECK(slope(problem, 0.3, 5, x, {.gamma = 0}) == doctest::Approx(-2 * 2.25 * 0.3));
  // horizon 0: the value alone.
  CHECK(slope(problem, 0.3, 5, x, {.gamma = 1, .horizon = 0}) == 0);
  CHECK_THROWS_AS(slope(problem, 0.3, 5, x, {.gamma = 1, .horizon = -1}), UsageError);
}

TEST_CASE("policy backup: two steps, and the dead are followed by nothing") {
  // k = 0.5, p = 2, gamma = 0.5 at x = 2: r_0 = -(4 + 1) = -5; x_1 = 1: r_1 = -1.25; x_2 = 0.5: V = -0.5.
  ControlProblem problem = ScalarRegulator{}.problem();
  const Tensors theta{Tensor::scalar(0.5)}, phi{Tensor::scalar(2)};
  const Tensor x = Tensor::from({1, 1}, {2});
  CHECK(double(backup_objective(problem, theta, phi, x, {0.5, 2}).item()) ==
        doctest::Approx(-5 - 0.625 - 0.125));
  problem.alive = [](const Tensor& s) { return flatten(less_equal(abs(s), Tensor::scalar(real(0.75))), 0); };
  CHECK(double(backup_objective(problem, theta, phi, x, {0.5, 2}).item()) == doctest::Approx(-5));
  problem.alive = [](const Tensor& s) { return flatten(less_equal(abs(s), Tensor::scalar(1)), 0); };
  CHECK(double(backup_objective(problem, theta, phi, x, {0.5, 2}).item()) == doctest::Approx(-5.75));
}

TEST_CASE("policy backup: finite differences of a network's J over three steps") {
  if (!kDouble) return;
  Rng rng(5);
  const Tensors theta{rng.normal_tensor({5, 2}), rng.normal_tensor({5}), rng.normal_tensor({1, 5}),
                      rng.normal_tensor({1})};
  const Tensor a = rng.normal_tensor({2, 2}, 0, real(0.5)), b = rng.normal_tensor({2, 1}),
               states = rng.normal_tensor({6, 2});
  const ControlProblem problem{
      .policy = [](std::span<const Tensor> p,
                   const Tensor& x) { return tanh(linear(tanh(linear(x, p[0], p[1])), p[2], p[3])); },
      .value = [](std::span<const Tensor>, const Tensor& x) { return -sum(square(x), {1}); },
      .model = [&](const Tensor& x, const Tensor& u) { return linear(x, a) + linear(u, b); },
      .reward = [](const Tensor& x, const Tensor& u) { return -(sum(square(x), {1}) + sum(square(u), {1})); },
      .alive =
          [](const Tensor& x) { return flatten(less_equal(abs(slice(x, 1, 0, 1)), Tensor::scalar(1)), 0); }};
  const auto j = [&](std::span<const Tensor> p) {
    return backup_objective(problem, p, {}, states, {.gamma = 0.9, .horizon = 3});
  };
  const ValueAndGrad at = value_and_grad(j, theta);
  for (size_t p = 0; p < 4; ++p)
    for (int64 i = 0; i < theta[p].numel(); ++i) {
      const auto moved = [&](double h) {
        Tensors near = theta;
        near[p] = near[p].clone();
        near[p].mutable_data()[i] += static_cast<real>(h);
        return double(j(near).item());
      };
      CHECK(double(at.grads[p].data()[i]) ==
            doctest::Approx((moved(1e-6) - moved(-1e-6)) / 2e-6).epsilon(1e-4));
    }
}

TEST_CASE("policy backup: a step of the value leaves the policy, one of the policy leaves the value") {
  const auto number = [](double v) {
    return make_parameter("p", ParamKind::kWeight, Tensor::scalar(static_cast<real>(v)));
  };
  const ParameterPtr k = number(0.5), p = number(1);
  AdaptivePolicy training(ScalarRegulator{}.problem(), {k}, {p},
                          {.policy = "sgd:lr=0.1", .value = "sgd:lr=0.1", .gamma = 1, .tau = 0.25});
  const Tensor x = Tensor::from({1, 1}, {1});
  // Target -(1 + 0.25) - 1*0.25 = -1.5; V = -1: d/dp (-p + 1.5)^2 = -2*0.5; p = 1.1, copy 1.025.
  CHECK(training.evaluate(x) == doctest::Approx(0.25));
  CHECK(double(p->value.item()) == doctest::Approx(1.1));
  CHECK(double(training.slow_value()[0].item()) == doctest::Approx(1.025));
  CHECK(double(k->value.item()) == 0.5);
  // Slope 2*(1.025*0.5 - 0.5) = 0.025.
  CHECK(training.improve(x) == doctest::Approx(0.025 * 0.025).epsilon(1e-3));
  CHECK(double(k->value.item()) == doctest::Approx(0.5025));
  CHECK(double(p->value.item()) == doctest::Approx(1.1));
  CHECK(training.objective(x) == doctest::Approx(-(1 + 0.5025 * 0.5025) - 1.025 * 0.4975 * 0.4975));
  // The next target is by the copy, 1.025, not by the value, 1.1.
  const double target = -(1 + 0.5025 * 0.5025) - 1.025 * 0.4975 * 0.4975;
  CHECK(training.evaluate(x) == doctest::Approx((-1.1 - target) * (-1.1 - target)).epsilon(1e-4));
  // Mean over rows of the distance of mu(x) = -k*x from these actions.
  const Tensor two = Tensor::from({2, 1}, {1, 2});
  CHECK(double(protection_penalty(ScalarRegulator{}.problem(), Tensors{Tensor::scalar(1)}, two,
                                  Tensor::from({2, 1}, {0, 0}))
                   .item()) == doctest::Approx(2.5));
  CHECK_THROWS_AS(
      protection_penalty(ScalarRegulator{}.problem(), Tensors{Tensor::scalar(1)}, two, Tensor::zeros({2})),
      ShapeError);
}

TEST_CASE("policy backup: at the optimum for the first task without an added one nothing moves") {
  const auto number = [](double v) {
    return make_parameter("p", ParamKind::kWeight, Tensor::scalar(static_cast<real>(v)));
  };
  const ParameterPtr k = number(kGolden / (1 + kGolden)), p = number(kGolden);
  AdaptivePolicy training(ScalarRegulator{}.problem(), {k}, {p},
                          {.policy = "sgd:lr=0.1", .value = "sgd:lr=0.1", .gamma = 1, .tau = 1});
  const Tensor states = Rng(2).normal_tensor({8, 1});
  for (int i = 0; i < 50; ++i) training.evaluate(states), training.improve(states);
  CHECK(double(k->value.item()) == doctest::Approx(0.618034).epsilon(1e-4));
}

}  // namespace gradus::policy_backup_tests
