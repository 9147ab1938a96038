// The exact checks of the papers of wrappers that look around the weights.
#include "tests/optim/closure.h"

using namespace gradus;
using namespace gradus::testing;

TEST_CASE("gradient regularization: quadratics, a quartic, flooding pairs, gamma = 0 and gamma = eps") {
  for (const std::string mode : {"forward", "backward", "central", "double-backprop"})
    CHECK(
        near(descend_by("gradient-regularization(sgd:lr=0.1):gamma=0.05,eps=0.3,mode=" + mode, kBowl, {2, 1}),
             {1.79, 0.52}, 1e-9, 1e-5));
  const auto penalty = [](const std::string& mode, double eps) {
    // G = g + gamma*dR with g = 1
    const Values w = descend_by(
        fmt::format("gradient-regularization(sgd:lr=1):gamma=1,mode={},eps={}", mode, eps), quartic(), {1});
    return 1 - w[0] - 1;
  };
  CHECK(near(penalty("double-backprop", 0.1), 3, 1e-9, 1e-5));
  CHECK(near(penalty("forward", 0.1), 3.31, 1e-9, 1e-5));
  CHECK(near(penalty("backward", 0.1), 2.71, 1e-9, 1e-5));
  CHECK(near(penalty("central", 0.1), 3.01, 1e-9, 1e-5));
  // A step down and a step up at the new point end at w - eta^2*dR_B(eps = eta).
  const Values down = descend_by("sgd:lr=0.1", quartic(), {1});
  const double back = down[0] + 0.1 * std::pow(down[0], 3);
  CHECK(near(back, 0.9729, 1e-9, 1e-6));
  CHECK(near(1 - 0.01 * penalty("backward", 0.1), back, 1e-9, 1e-6));
  CHECK(descend_by("gradient-regularization(adam):gamma=0", kBowl, {2, 1}, 5) ==
        descend_by("adam", kBowl, {2, 1}, 5));
  CHECK(near(descend_by("gradient-regularization(sgd:lr=0.1):gamma=0.2,eps=0.2", quartic(), {1}),
             descend_by("sam(sgd:lr=0.1):rho=0.2,normalized=false", quartic(), {1}), 1e-12, 1e-6));
}

TEST_CASE("amp: balls by hand, inside the ball, two ascent steps, restored weights, relatives") {
  const std::string base = "amp(sgd:lr=0.1,momentum=0.9):";
  Descent two(base + "epsilon=0.5", kBowl, {2, 1});
  CHECK(near(two.step(), {1.77763932, .42111456}, 1e-8, 1e-6));
  CHECK(near(two.step(), {1.36345700, -.40589339}, 1e-8, 2e-6));
  CHECK(near(descend_by(base + "epsilon=0.5,inner_lr=0.01", kBowl, {2, 1}), {1.798, .584}, 1e-9, 1e-6));
  CHECK(near(descend_by(base + "epsilon=0.5,inner_iter=2", kBowl, {2, 1}), {1.78173465, .41382258}, 1e-8,
             1e-6));
  Descent still(base + "epsilon=0.5", kBowl, {2, 1});
  CHECK(still.step(1, 0) == Values{2, 1});
  CHECK(near(descend_by("amp(sgd:lr=0.1):epsilon=1e9,inner_lr=0.2", quartic(), {1}),
             descend_by("gradient-regularization(sgd:lr=0.1):gamma=0.2,eps=0.2", quartic(), {1}), 1e-12,
             1e-6));
  CHECK(near(descend_by("amp(sgd:lr=0.1):epsilon=0.3,inner_lr=1e9", kBowl, {2, 1}),
             descend_by("sam(sgd:lr=0.1):rho=0.3", kBowl, {2, 1}), 1e-7, 1e-5));
}

TEST_CASE(
    "sam: the edge of stability of the unnormalised form, quadratics, radii, plain descent for rho = 0") {
  const auto edge = [](double lr, double rho) {  // lr*lam*(1 + rho*lam) = 2
    return rho == 0 ? 2 / lr : (std::sqrt(1 + 8 * rho / lr) - 1) / (2 * rho);
  };
  const double cases[][3] = {{.1, 0, 20},  {.1, .01, 17.08203932},  {.1, .05, 12.36067977},
                             {.1, .1, 10}, {.02, .05, 35.82575695}, {.01, .01, 100}};
  for (const auto& [lr, rho, lam] : cases) {
    CHECK(near(edge(lr, rho), lam, 1e-8, 1e-8));
    // There a step turns the sign of the weight and keeps its size.
    const Values w = descend_by(fmt::format("sam(sgd:lr={}):normalized=false,rho={}", lr, rho),
                                diagonal_quadratic({lam}), {1});
    CHECK(near(w[0], -1, 1e-7, 1e-4));
  }
  const std::string spec = "sam(sgd:lr=0.1):normalized=false,rho=0.05";
  CHECK(near(descend_by(spec, diagonal_quadratic({12}), {1}), {-0.92}, 1e-9, 1e-5));
  CHECK(near(descend_by(spec, diagonal_quadratic({13}), {1}), {-1.145}, 1e-9, 1e-5));
  CHECK(descend_by("sam(sgd:lr=0.1,momentum=0.9):rho=0", kBowl, {2, 1}, 5) ==
        descend_by("sgd:lr=0.1,momentum=0.9", kBowl, {2, 1}, 5));
  const double g = std::sqrt(4.0 + 16);
  CHECK(near(descend_by("sam(sgd:lr=0.1):rho=0.4", kBowl, {2, 1}),
             descend_by(fmt::format("sam(sgd:lr=0.1):normalized=false,rho={}", 0.4 / g), kBowl, {2, 1}), 1e-9,
             1e-6));
  // ASAM: e = |w|*g = (4, 4), moved by rho*|w|*e/||e|| = rho*(2, 1)/sqrt(2).
  const double r = 0.4 / std::sqrt(2.0);
  CHECK(near(descend_by("sam(sgd:lr=0.1):rho=0.4,adaptive=true", kBowl, {2, 1}),
             {2 - 0.1 * (2 + 2 * r), 1 - 0.4 * (1 + r)}, 1e-9, 1e-6));
}
