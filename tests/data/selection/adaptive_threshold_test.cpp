// Adaptive-k's threshold, smallest losses, selectors, wrong labels.
#include "data/selection/adaptive_threshold.h"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>

#include "core/error.h"
#include "data/label_noise.h"
#include "data/selection/sample_selector.h"

using namespace gradus;

namespace {

constexpr double kInfinite = std::numeric_limits<double>::infinity();

// The threshold behind t batches of mean loss 1.7.
double constant_threshold(int t) {
  AdaptiveThreshold adaptive({.eps = 0});
  double at = 0;
  for (int i = 0; i < t; ++i) at = adaptive.next(1.7);
  return at;
}

std::vector<char> kept(SampleSelector& selector, const std::vector<double>& losses,
                       const std::vector<int64>& index, int64 epoch, int64 examples = 6) {
  return selector.select({losses, index, epoch, examples}).keep;
}

}  // namespace

TEST_CASE("adaptive-k: the first two thresholds by hand") {
  AdaptiveThreshold adaptive;
  CHECK(adaptive.next(2.3) == doctest::Approx(3.16227723).epsilon(1e-8));
  CHECK(adaptive.m() == doctest::Approx(0.23).epsilon(1e-12));
  CHECK(adaptive.v() == doctest::Approx(0.00529).epsilon(1e-12));
  CHECK(adaptive.next(2.0) == doctest::Approx(4.22386659).epsilon(1e-8));
  CHECK(adaptive.m() == doctest::Approx(0.407).epsilon(1e-12));
  CHECK(adaptive.v() == doctest::Approx(0.00928471).epsilon(1e-9));
  CHECK(adaptive.ema() == doctest::Approx(0.407 / 0.19).epsilon(1e-12));
}

TEST_CASE("adaptive-k: of a constant loss the threshold is (1-beta1^t)/sqrt(1-beta2^t), at any scale") {
  CHECK(constant_threshold(1) == doctest::Approx(3.162278).epsilon(1e-6));
  CHECK(constant_threshold(10) == doctest::Approx(6.527881).epsilon(1e-6));
  CHECK(constant_threshold(12) > constant_threshold(11));
  CHECK(constant_threshold(12) > constant_threshold(13));
  CHECK(constant_threshold(100) == doctest::Approx(3.240799).epsilon(1e-6));
  CHECK(constant_threshold(1000) == doctest::Approx(1.257584).epsilon(1e-6));
  AdaptiveThreshold small({.eps = 0}), large({.eps = 0});
  for (const double l : {2.0, 1.5, 3.0})
    CHECK(small.next(l) == doctest::Approx(large.next(1000 * l)).epsilon(1e-12));
}

TEST_CASE("adaptive-k: what a threshold keeps, itself included; smallest losses, of equals the first") {
  CHECK(losses_within(std::vector<double>{0.1, 0.5, 1.2, 4.0}, 1.0) == std::vector<char>{1, 1, 0, 0});
  CHECK(losses_within(std::vector<double>{1.0, std::nan("")}, 1.0) == std::vector<char>{1, 0});
  CHECK(losses_within(std::vector<double>{1.0, 1e30}, kInfinite) == std::vector<char>{1, 1});
  CHECK(smallest_losses(std::vector<double>{3, 1, 2, 1}, 1) == std::vector<char>{0, 1, 0, 0});
  CHECK(smallest_losses(std::vector<double>{3, 1, 2, 1}, 3) == std::vector<char>{0, 1, 1, 1});
  CHECK(smallest_losses(std::vector<double>{std::nan(""), 5}, 1) == std::vector<char>{0, 1});
  CHECK(smallest_losses(std::vector<double>{3, 1}, 9) == std::vector<char>{1, 1});
}

TEST_CASE("selectors: adaptive-k takes its moments from the whole batch, behind the warm-up") {
  const SelectorPtr selector = make_selector("adaptive-k:warmup=1");
  const std::vector<int64> index{0, 1};
  CHECK(kept(*selector, {0.1, 40}, index, 0) == std::vector<char>{1, 1});
  const Selected first = selector->select({std::vector<double>{0.6, 4.0}, index, 1, 6});
  CHECK(first.threshold == doctest::Approx(0.23 / (std::sqrt(0.00529) + 1e-8)).epsilon(1e-10));
  CHECK(first.keep == std::vector<char>{1, 0});
  CHECK(first.count() == 1);
  // The next moments have seen the dropped loss too: L = 2.3, then 2.0.
  CHECK(selector->select({std::vector<double>{4, 0}, index, 1, 6}).threshold ==
        doctest::Approx(4.22386659).epsilon(1e-7));
  // Saved and loaded it goes on the same way.
  const SelectorPtr again = make_selector("adaptive-k:warmup=1");
  again->load_state(selector->save_state());
  const std::vector<double> next{1.0, 0.5};
  CHECK(again->select({next, index, 3, 6}).threshold == selector->select({next, index, 3, 6}).threshold);
  const SelectorPtr mean = make_selector("adaptive-k:warmup=0,threshold=ema");
  CHECK(mean->select({std::vector<double>{1, 2}, index, 0, 6}).threshold == doctest::Approx(1.5));
}

TEST_CASE("selectors: small-loss and trimmed-loss by hand") {
  const SelectorPtr small = make_selector("small-loss:keep=0.5");
  CHECK(kept(*small, {3, 1, 2}, {0, 1, 2}, 0) == std::vector<char>{0, 1, 1});  // 1.5 is two
  CHECK(small->select({std::vector<double>{3, 1, 2}, std::vector<int64>{0, 1, 2}, 0, 6}).threshold == 2);
  const SelectorPtr trimmed = make_selector("trimmed-loss:keep=0.5");
  CHECK(kept(*trimmed, {5, 1, 4}, {0, 1, 2}, 0) == std::vector<char>{1, 1, 1});
  CHECK(kept(*trimmed, {2, 6, 3}, {3, 4, 5}, 0) == std::vector<char>{1, 1, 1});
  // The epoch's choice is by the losses before it: of 5 1 4 2 6 3 the examples 1, 3 and 5.
  CHECK(kept(*trimmed, {0.1, 9, 9}, {4, 1, 3}, 1) == std::vector<char>{0, 1, 1});
  const SelectorPtr again = make_selector("trimmed-loss:keep=0.5");
  again->load_state(trimmed->save_state());
  for (SampleSelector* s : {trimmed.get(), again.get()}) {
    CHECK(kept(*s, {1, 1, 1}, {0, 2, 5}, 1) == std::vector<char>{0, 0, 1});
    // Then 1 9 1 9 0.1 1: examples 4, 0 and 2 (of equals the first).
    CHECK(kept(*s, {7, 7, 7}, {0, 4, 5}, 2) == std::vector<char>{1, 1, 0});
  }
}

TEST_CASE("selectors: what is unknown is refused by name") {
  CHECK(make_selector("all") == nullptr);
  CHECK_THROWS_WITH_AS(make_selector("adaptive"), doctest::Contains("adaptive-k"), UsageError);
  CHECK_THROWS_WITH_AS(make_selector("adaptive-k:warm=1"), doctest::Contains("warmup"), UsageError);
  CHECK_THROWS_WITH_AS(make_selector("small-loss:keep=0"), doctest::Contains("selector small-loss: keep"),
                       UsageError);
  CHECK_THROWS_AS(make_selector("all:keep=1"), UsageError);
}

TEST_CASE("label noise: directed and random") {
  const std::vector<int64> y{0, 8, 9, 3}, flip{1, 1, 0, 1}, draw{0, 8, 0, 3};
  CHECK(with_label_noise(y, flip, draw, {}) == std::vector<int64>{2, 0, 9, 5});
  CHECK(with_label_noise(y, flip, draw, {.mode = "random"}) == std::vector<int64>{1, 9, 9, 4});
  CHECK(LabelNoise{.classes = 3, .shift = -1}.wrong(0, 0) == 2);
  CHECK_THROWS_AS((LabelNoise{.mode = "random"}.wrong(0, 9)), UsageError);
  CHECK_THROWS_AS(LabelNoise{}.wrong(10, 0), UsageError);
  CHECK_THROWS_AS(with_label_noise(y, flip, flip, {.classes = 4}), UsageError);
  CHECK_THROWS_AS(with_label_noise(y, {}, draw, {}), ShapeError);
}
