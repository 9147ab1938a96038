// Gains of a recurrent circuit: the card's figures, closed forms, finite differences.
#include "optim/methods/gain_control.h"

#include <doctest/doctest.h>

#include <cmath>

#include "core/error.h"
#include "core/rng.h"

using namespace gradus;

namespace gradus::gain_control_tests {

double of(const Tensor& t, int64 i) { return static_cast<double>(t.data()[i]); }

GainProblem random_problem() {
  Rng rng(2);
  return {rng.normal_tensor({4, 4}, 0, real(0.2)), rng.normal_tensor({6, 4}),
          Tensor::full({6}, static_cast<real>(1.0 / 6))};
}

}  // namespace gradus::gain_control_tests
using namespace gradus::gain_control_tests;

TEST_CASE("gain_control: two neurons that excite each other") {
  const Tensor W = Tensor::from({2, 2}, {real(0), real(0.5), real(0.5), real(0)}),
               f = Tensor::from({1, 2}, {real(1), real(0)});
  const CircuitState one = circuit_steady_state(W, f, Tensor::ones({2}));
  CHECK(of(one.r, 0) == doctest::Approx(4.0 / 3));
  CHECK(of(one.r, 1) == doctest::Approx(2.0 / 3));
  const CircuitState half = circuit_steady_state(W, f, Tensor::from({2}, {real(0.5), real(1)}));
  CHECK(of(half.r, 0) == doctest::Approx(.5714286).epsilon(1e-5));
  CHECK(of(half.r, 1) == doctest::Approx(.2857143).epsilon(1e-5));
  CHECK(of(half.u, 0) == doctest::Approx(2 * .5714286).epsilon(1e-5));  // r = g o u
  CHECK_THROWS_AS(circuit_steady_state(W, f, Tensor::ones({3})), ShapeError);
}

TEST_CASE("gain_control: the gradient is a central difference, the loss that of the other formula") {
  const GainProblem problem = random_problem();
  const Tensor g = Tensor::from({4}, {real(0.7), real(1.2), real(0.9), real(0.4)});
  GainObjectiveOptions o;
  o.alpha = 0.8, o.gamma = 1.5;
  const GainObjective here = gain_objective(problem, g, o);
  const double h = sizeof(real) == 8 ? 1e-5 : 1e-2;
  for (int64 i = 0; i < 4; ++i) {
    Tensor up = g.clone(), down = g.clone();
    up.mutable_data()[i] += static_cast<real>(h), down.mutable_data()[i] -= static_cast<real>(h);
    CHECK(of(here.grad_g, i) ==
          doctest::Approx((gain_objective(problem, up, o).loss - gain_objective(problem, down, o).loss) /
                          (2 * h))
              .epsilon(sizeof(real) == 8 ? 1e-6 : 2e-2));
  }
  // L = sum_i E[u_i^2]((1-g_i)^2 + alpha g_i^2) + gamma (g_i - 1)^2.
  const Tensor u = circuit_steady_state(problem.W, problem.drive, g).u;
  double loss = 0;
  for (int64 i = 0; i < 4; ++i) {
    double m = 0;
    for (int64 s = 0; s < 6; ++s) m += of(u, s * 4 + i) * of(u, s * 4 + i) / 6;
    const double away = 1 - of(g, i);
    loss += m * (away * away + o.alpha * of(g, i) * of(g, i)) + o.gamma * away * away;
  }
  CHECK(here.loss == doctest::Approx(loss).epsilon(sizeof(real) == 8 ? 1e-10 : 1e-5));
}

TEST_CASE("gain_control: without recurrence both solvers find the closed form") {
  // One neuron of input power 4, one of 1; alpha 0.5, gamma 1: 5/7 and 4/5.
  const GainProblem problem{Tensor::zeros({2, 2}), Tensor::from({1, 2}, {real(2), real(1)}),
                            Tensor::ones({1})};
  LocalGainOptions local;
  local.alpha = 0.5, local.gamma = 1, local.steps = 60;
  const LocalGains rule = local_gains(problem, Tensor::ones({2}), local);
  CHECK(of(rule.g, 0) == doctest::Approx(.7142857).epsilon(1e-5));
  CHECK(of(rule.g, 1) == doctest::Approx(.8).epsilon(1e-5));
  CHECK(of(rule.input_power, 0) == doctest::Approx(4));
  GainDescentOptions descent;
  descent.alpha = 0.5, descent.gamma = 1, descent.steps = 400;
  const DescendedGains exact = descend_gains(problem, Tensor::ones({2}), descent);
  CHECK(of(exact.g, 0) == doctest::Approx(.7142857).epsilon(1e-4));
  CHECK(of(exact.g, 1) == doctest::Approx(.8).epsilon(1e-4));
  CHECK(exact.losses.size() == 401);
  local.steps = 1;  // half of the way
  CHECK(of(local_gains(problem, Tensor::ones({2}), local).g, 0) == doctest::Approx(.8571429).epsilon(1e-5));
}

TEST_CASE("gain_control: free activity leaves gains at 1; gains do not become negative") {
  const GainProblem problem = random_problem();
  GainObjectiveOptions o;
  o.alpha = 0;
  CHECK(std::abs(gain_objective(problem, Tensor::ones({4}), o).loss) < 1e-9);
  GainDescentOptions descent;
  descent.alpha = 100, descent.gamma = 0, descent.lr = 1, descent.steps = 1;
  const DescendedGains cut = descend_gains(problem, Tensor::ones({4}), descent);
  for (int64 i = 0; i < 4; ++i) CHECK(of(cut.g, i) == 0);
}

TEST_CASE("gain_control: preferred orientations have a period of 180 degrees") {
  const Tensor stimuli = Tensor::from({4}, {real(0), real(45), real(90), real(135)});
  const Tensor r = Tensor::from({4, 3}, {real(0), real(2), real(0),    //
                                         real(0), real(0), real(0),    //
                                         real(0), real(0), real(-5),   //
                                         real(3), real(2), real(0)});  // neuron 1: 0 and 135 degrees
  const OrientationTuning t = orientation_tuning(r, stimuli);
  CHECK(of(t.preferred, 0) == doctest::Approx(135));
  CHECK(of(t.peak, 0) == doctest::Approx(3));
  CHECK(of(t.selectivity, 0) == doctest::Approx(1));
  CHECK(of(t.preferred, 1) == doctest::Approx(157.5).epsilon(1e-5));
  CHECK(of(t.selectivity, 1) == doctest::Approx(std::sqrt(0.5)).epsilon(1e-5));
  CHECK(of(t.selectivity, 2) == 0);  // silent
}
