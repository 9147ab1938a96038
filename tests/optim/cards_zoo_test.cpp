// Rules of the third part: options and cases that no recorded trajectory meets, by hand.
#include "tests/optim/closure.h"
#include "tests/optim/probe.h"

using namespace gradus;
using namespace gradus::testing;

TEST_CASE("tiger: the mean remembers by 0.965, signsgd not at all") {
  // m = 0.035*(0.965 - 0.93) > 0 after the second gradient, which points back.
  const auto w = run("tiger:lr=0.5,weight_decay=0", {{1}, {-0.93}, {-0.5}}, {0}, {1});
  CHECK(w == std::vector<Values>{{-0.5}, {-1}, {-0.5}});
  CHECK(run("signsgd:lr=0.5", {{1}, {-0.93}}, {0}, {1}) == std::vector<Values>{{-0.5}, {0}});
}

TEST_CASE("laprop: what waits to be centred is not kept as the largest") {
  // v = 0.5, then d = 0.75 - 0.75^2: the first that counts, so that amsgrad changes nothing yet.
  const std::string spec = "laprop:beta2=0.5,centered=true,steps_before_centered=1,amsgrad=";
  check_same(run(spec + "true", constant({1}, 2), {0}, {1}), run(spec + "false", constant({1}, 2), {0}, {1}));
  // d falls from 0.1875 to 0.875 - 0.875^2.
  const auto kept = run(spec + "true", constant({1}, 3), {0}, {1});
  const auto fallen = run(spec + "false", constant({1}, 3), {0}, {1});
  CHECK(kept[2][0] > fallen[2][0] + 1e-5);
}

TEST_CASE("bcos: the simple estimate of the second moment takes 1 - (1-beta)^2 by default") {
  const auto w = run("bcos:simple=true,beta=0.5,weight_decay=0,eps=0.01,lr=0.1", {{1}, {3}}, {0}, {1});
  CHECK(near(w[0][0], -0.1 / 1.01));
  CHECK(near(w[1][0] - w[0][0], -0.1 * 2 / (std::sqrt(0.75 + 0.25 * 9) + 0.01)));
  check_same(run("bcos:simple=true,beta=0.5,beta2=0.75"), run("bcos:simple=true,beta=0.5"));
}

TEST_CASE("a2grad: deviations weigh more the later they come") {
  const double beta = 2, lips = 3;
  const Values g{1, -0.5, 2, 0.25};
  double x = 0, y = 0, v = 0, sum = 0;
  Probe probe("a2grad:variant=inc,beta=2,lips=3", {0});
  for (size_t k = 0; k < g.size(); ++k) {
    const double n = static_cast<double>(k + 1);
    sum += g[k];
    v = (n - 1) * (n - 1) / (n * n) * v + (g[k] - sum / n) * (g[k] - sum / n);
    x -= g[k] / (2 * lips / n + beta * std::sqrt(n * v));
    y += 2 / (n + 1) * (x - y);
    CHECK(near(probe.step({g[k]})[0], y + 2 / (n + 2) * (x - y), 1e-12, 1e-6));
    probe.optimizer->use_evaluation_weights(true);
    CHECK(near(values_of(probe.p->value)[0], y, 1e-12, 1e-6));
    probe.optimizer->use_evaluation_weights(false);
  }
}

TEST_CASE("sparse-adam: a row rests only where all of its gradient is zero") {
  const std::string spec = "sparse-adam:lr=0.1,eps=1e-8";
  const auto w = run_matrix(spec, {{0, 0.5, 0, 0, 0, 0}, {0, 0, 0, 1, 1, 1}});
  CHECK(near(w[0][1] - kM0[1], -0.1, 1e-6, 1e-6));
  CHECK(Values(w[0].begin() + 3, w[0].end()) == values_of(tensor({3}, {.4, .5, .6})));
  CHECK(Values(w[1].begin(), w[1].begin() + 3) == Values(w[0].begin(), w[0].begin() + 3));
  // The step counts for all: lr*sqrt(1-beta2^2)/(1-beta1^2) * (1-beta1)/sqrt(1-beta2).
  CHECK(near(w[1][3] - w[0][3], -0.1 * std::sqrt(0.001999 / 0.001) * 0.1 / 0.19, 1e-6, 1e-6));
}

TEST_CASE("dadapt-adan: lr is common to all groups, or 0 where a group is frozen") {
  const auto a = make_parameter("a", ParamKind::kWeight, tensor({2}, {1, 2}));
  const auto b = make_parameter("b", ParamKind::kBias, tensor({2}, {3, 4}));
  const auto step = [&](const char* group) {
    const auto rule = make_optimizer("dadapt-adan:d0=0.01", {a, b}, {parse_group(group)});
    for (const auto& p : {a, b}) p->grad = tensor({2}, {1, -1});
    rule->step(1.0, 1.0);
  };
  CHECK_THROWS_WITH_AS(step("b:lr=0.5"), doctest::Contains("dadapt-adan"), UsageError);
  CHECK(values_of(a->value) == Values{1, 2});
  step("b:lr=0");
  CHECK(values_of(a->value) != Values{1, 2});
  CHECK(values_of(b->value) == Values{3, 4});
}

TEST_CASE("adam-mini: heads share a second moment, and must divide the rows") {
  const Shape shape{4, 1};
  const std::string spec = "adam-mini:lr=0.1,eps=1e-8,heads=";
  const auto w = run(spec + "2", {{1, 7, 2, 2}}, {0, 0, 0, 0}, shape);
  CHECK(near(w[0], {-0.1 / 5, -0.7 / 5, -0.1, -0.1}, 1e-8, 1e-6));  // sqrt((1 + 49)/2) = 5
  CHECK(near(run("adam-mini:lr=0.1,eps=1e-8", {{1, 7, 2, 2}}, {0, 0, 0, 0}, shape)[0],
             {-0.1, -0.1, -0.1, -0.1}, 1e-8, 1e-6));
  Probe probe(spec + "3", shape, {0, 0, 0, 0});
  CHECK_THROWS_WITH_AS(probe.step({1, 1, 1, 1}), doctest::Contains("the 4 rows of w"), UsageError);
  CHECK(values_of(probe.p->value) == Values{0, 0, 0, 0});
}

TEST_CASE("fromage, nero: norms that stay") {
  const auto w = run_matrix("nero:lr=0.3", gaussian_steps(5, 6));
  for (const Values& now : w)
    for (size_t row = 0; row < 2; ++row) {
      const Values x(now.begin() + static_cast<std::ptrdiff_t>(3 * row),
                     now.begin() + static_cast<std::ptrdiff_t>(3 * row + 3));
      CHECK(near(x[0] + x[1] + x[2], 0, 1e-12, 1e-6));
      CHECK(near(length(x), 1, 1e-12, 1e-6));
    }
  for (const Values& now : run("fromage:lr=0.5,p_bound=0.5", gaussian_steps(5, 3)))
    CHECK(length(now) <= 0.5 * length(kW0) * (1 + 1e-6));
}

TEST_CASE("step sizes from the loss: what no step size makes sense of is refused or stands still") {
  Probe still("polyak-sgd:lr=1", {1, 2});
  CHECK(still.step({0, 0}) == Values{1, 2});  // 0/0
  Probe eve("eve:f_star=2", {1, 2});
  eve.step({1, 1});
  CHECK_THROWS_WITH_AS(eve.step({1, 1}), doctest::Contains("f_star"), NumericError);  // the loss is 1
}
