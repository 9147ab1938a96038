// Walks of optimizers on functions of a vector, the linear problems, and sweeps: figures by hand.
#include "apps/papers/landscape.h"

#include <doctest/doctest.h>

#include <cmath>

#include "apps/papers/linear_rows.h"
#include "apps/papers/sweep.h"
#include "apps/papers/toy.h"
#include "core/error.h"
#include "data/registry.h"

using namespace gradus;

namespace {

using Numbers = std::vector<double>;

// A trial whose trainings score 1 - |log10(lr) + 2|/10 and diverge beyond lr = 1.
class StagedTrial : public Trial {
 public:
  explicit StagedTrial(OptionList given = {}) { options = std::move(given); }
  Data data(const std::string& spec) const override { return open_data(spec); }
  Outcome train(TrainConfig config, const Inspect&, int64) const override {
    Outcome outcome;
    const double lr = std::stod(parse_spec(config.optim).options.at(0).second);
    if (lr > 1)
      outcome.diverged = true;
    else
      outcome.metrics["test_accuracy"] = 1 - std::abs(std::log10(lr) + 2) / 10;
    return outcome;
  }
  void checkpoint(double) const override {}
};

void check_close(const Numbers& a, const Numbers& b) {
  REQUIRE(a.size() == b.size());
  for (size_t i = 0; i < a.size(); ++i) CHECK(a[i] == doctest::Approx(b[i]).epsilon(1e-6));
}

LinearRows three_rows() { return {3, 2, {1, 2, -1, 0.5, 3, -1}, {1, -1, 1}}; }

}  // namespace

TEST_CASE("landscape: a quadratic, its gradient and Hessian; spaced values") {
  const Landscape f = quadratic({1, 10});
  Numbers g(2), h(2);
  CHECK(f.value(Numbers{1, -2}, g) == 20.5);
  CHECK(g == Numbers{1, -20});
  f.hessian_times(Numbers{1, -2}, Numbers{3, 4}, h);
  CHECK(h == Numbers{3, 40});
  check_close(log_spaced(0.1, 10, 3), {0.1, 1, 10});
}

TEST_CASE("walk: steps, values before them, places, schedules") {
  const Landscape f = quadratic({1, 10});
  Walk walk("sgd:lr=0.1", Numbers{1, -2});
  CHECK(walk.step(f) == 20.5);
  check_close(walk.point(), {0.9, 0});
  walk.place(Numbers{2, 1});
  CHECK(walk.step(f, 0.5) == 7);
  check_close(walk.point(), {1.9, 0.5});
  CHECK_THROWS_AS(Walk("sgd", Numbers{1, 2, 3}, {2, 2}), ShapeError);
  CHECK_THROWS_AS(Walk("sgdd", Numbers{1}), UsageError);
}

// A = diag(1, 4), w = (2, 1), gamma 0.05: G = (I + gamma*A) A w = (2.1, 4.8), for differences of any length.
TEST_CASE("walk: methods that evaluate elsewhere or ask for Hessian products") {
  const Landscape f = quadratic({1, 4});
  for (const char* mode : {"forward", "backward", "double-backprop"}) {
    CAPTURE(mode);
    Walk walk(fmt::format("gradient-regularization(sgd:lr=0.1):gamma=0.05,mode={}", mode), Numbers{2, 1});
    CHECK(walk.step(f) == 4);
    for (size_t i = 0; i < 2; ++i) CHECK(walk.point()[i] == doctest::Approx(i ? 0.52 : 1.79).epsilon(1e-5));
  }
  const Landscape blind{.value = f.value};
  Walk walk("oasis", Numbers{2, 1});
  CHECK_THROWS_WITH_AS(walk.step(blind), doctest::Contains("Hessian"), UsageError);
}

TEST_CASE("toy: steps to the target by hand") {
  // In steps of 1/8 from (3,1): y is 0 from step 8 on, x below 1/2 at step 21.
  const StagedTrial trial(OptionList{{"optim", "sgd:lr=0.125"}});
  Outcome outcome;
  descend(trial, toy_cross(), {3, 1}, 0.5, 100, outcome);
  CHECK(outcome.metrics.at("cross_steps") == 21);
  CHECK(outcome.metrics.at("cross_loss") == 0.375);
  CHECK(outcome.curves.at("cross_value").y[8] == 2);
  descend(trial, toy_cross(), {3, 1}, 0.5, 10, outcome);
  CHECK(outcome.metrics.at("cross_steps") == 11);
}

TEST_CASE("linear rows: value, gradient and Hessian products of logistic regression") {
  const LinearRows data = three_rows();
  const Landscape f = logistic(data);
  Numbers g(2), up(2), down(2), h(2);
  CHECK(f.value(Numbers{0, 0}, g) == doctest::Approx(std::log(2.0)));
  check_close(g, {-(1 + 1 + 3) / 6.0, -(2 - 0.5 - 1) / 6.0});
  const Numbers w = {0.3, -0.7};
  const double step = 1e-5;
  f.value(w, g);
  for (size_t j = 0; j < 2; ++j) {
    Numbers plus = w, minus = w, unit(2);
    plus[j] += step, minus[j] -= step, unit[j] = 1;
    const double slope = (f.value(plus, up) - f.value(minus, down)) / (2 * step);
    CHECK(g[j] == doctest::Approx(slope).epsilon(1e-7));
    f.hessian_times(w, unit, h);
    for (size_t i = 0; i < 2; ++i)
      CHECK(h[i] == doctest::Approx((up[i] - down[i]) / (2 * step)).epsilon(1e-6));
  }
  // One row alone, and margins that would overflow.
  CHECK(logistic(data, {1}).value(Numbers{0, 0}, g) == doctest::Approx(std::log(2.0)));
  check_close(g, {-0.5, 0.25});
  CHECK(logistic(data, {0}).value(Numbers{-1000, 0}, g) == doctest::Approx(1000));
  CHECK(linear_accuracy(data, Numbers{1, 0}) == 1);
  CHECK(linear_accuracy(data, Numbers{0, 1}) == doctest::Approx(1 / 3.0));
}

TEST_CASE("linear rows: columns times factors leave the loss at weights over them") {
  const LinearRows data = three_rows(), scaled = data.scaled({4, 0.5});
  CHECK(scaled.x == Numbers{4, 1, -4, 0.25, 12, -0.5});
  Numbers g(2), h(2);
  CHECK(logistic(data).value(Numbers{1, 2}, g) == logistic(scaled).value(Numbers{0.25, 4}, h));
  CHECK(h == Numbers{4 * g[0], 0.5 * g[1]});
  CHECK_THROWS_AS(data.scaled({1}), ShapeError);
}

TEST_CASE("linear rows: the pixels that are lit often enough, a constant, labels of two signs") {
  const Data data = open_data("digits:train=40,test=10");
  const PixelColumns columns(*data.train, 30, 0.5);
  const LinearRows rows = columns.rows(*data.train, 20);
  std::vector<std::vector<std::uint8_t>> images(30, std::vector<std::uint8_t>(784));
  for (int64 i = 0; i < 30; ++i) data.train->read_pixels(i, images[static_cast<size_t>(i)].data());
  std::vector<size_t> lit;
  for (size_t j = 0; j < 784; ++j) {
    int count = 0;
    for (const auto& image : images) count += image[j] != 0;
    if (count >= 15) lit.push_back(j);
  }
  REQUIRE(!lit.empty());
  CHECK(rows.rows == 20);
  REQUIRE(rows.columns == std::ssize(lit) + 1);
  for (size_t i = 0; i < 20; ++i) {
    const double* row = rows.x.data() + i * (lit.size() + 1);
    for (size_t j = 0; j < lit.size(); ++j) CHECK(row[j] == images[i][lit[j]] / 256.0);
    CHECK(row[lit.size()] == 1);
    CHECK(rows.y[i] == (data.train->label(static_cast<int64>(i)) == 0 ? -1 : 1));
  }
  CHECK(columns.rows(*data.test, 100).rows == 10);
  CHECK_THROWS_AS(PixelColumns(*data.train, 30, 1.5), UsageError);
}

TEST_CASE("sweep: scores by value, diverged ones are 0") {
  const StagedTrial trial;
  const Sweep s = sweep(trial, {.optim = "sgd:lr=5"}, "lr", {1e-3, 1e-2, 1e-1, 10});
  check_close(s.scores, {0.9, 1, 0.9, 0});
  CHECK(s.at(0.01) == 1);
  CHECK_THROWS_AS(s.at(0.02), UsageError);
  Outcome outcome;
  s.report(outcome);
  CHECK(outcome.metrics.at("accuracy_best") == 1);
  CHECK(outcome.metrics.at("accuracy_worst") == 0);
  CHECK(outcome.metrics.at("accuracy_mean") == doctest::Approx(0.7));
  CHECK(outcome.metrics.at("accuracy_spread") == 1);
  CHECK(outcome.metrics.at("usable_count") == 1);
  CHECK(outcome.metrics.at("diverged_count") == 1);
  CHECK(s.near_best(0.11) == 3);
  CHECK(outcome.curves.at("accuracy").x == Numbers{1e-3, 1e-2, 1e-1, 10});
}
