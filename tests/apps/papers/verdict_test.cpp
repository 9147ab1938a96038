// Verdicts of hand-worked differences for every kind of claim, and how often they are wrong.
#include "apps/papers/verdict.h"

#include <doctest/doctest.h>

#include <cmath>

#include "core/error.h"
#include "core/rng.h"

using namespace gradus;

namespace {

ArmRecord verdict_arm(const std::string& name, const std::string& metric, const std::vector<double>& values) {
  ArmRecord arm{.name = name};
  for (size_t i = 0; i < values.size(); ++i) {
    arm.seeds.push_back(static_cast<int64>(i));
    Outcome o;
    if (std::isnan(values[i]))
      o.diverged = true;
    else
      o.metrics[metric] = values[i];
    arm.outcomes.push_back(o);
  }
  return arm;
}

ClaimRecord verdict_of_pair(const Claim& claim, const std::vector<double>& a, const std::vector<double>& b) {
  return judge("text", claim, {verdict_arm("a", claim.metric, a), verdict_arm("b", claim.metric, b)});
}
Verdict verdict_for(const Claim& claim, const std::vector<double>& a,
                    const std::vector<double>& b = {0, 0, 0}) {
  return verdict_of_pair(claim, a, b).verdict;
}

constexpr auto kYes = Verdict::kShown, kNo = Verdict::kNotShown, kNoise = Verdict::kWithinNoise;

}  // namespace

// Differences 0.1, 0.2, 0.3: mean 0.2, deviation 0.1, half width 2.919985580353726 * 0.1/sqrt(3) = 0.16858544608.
TEST_CASE("verdict: figures of a better claim by hand") {
  const ClaimRecord r = verdict_of_pair(better("a", "b", "test_accuracy"), {1.1, 1.2, 1.3}, {1, 1, 1});
  CHECK(r.kind == "better");
  CHECK(r.estimate == doctest::Approx(0.2).epsilon(1e-12));
  CHECK(r.low == doctest::Approx(0.2 - 0.16858544608).epsilon(1e-9));
  CHECK(r.high == doctest::Approx(0.2 + 0.16858544608).epsilon(1e-9));
  // t = 0.2/(0.1/sqrt(3)) = 2 sqrt(3), two degrees of freedom: p = 1/2 - t/(2 sqrt(2 + t^2)).
  const double t = 2 * std::sqrt(3.0);
  CHECK(r.p == doctest::Approx(0.5 - t / (2 * std::sqrt(2 + t * t))).epsilon(1e-9));
  CHECK(r.verdict == kYes);
}

TEST_CASE("verdict: better, not worse, equal at their margins") {
  const std::vector<double> a = {0.1, 0.2, 0.3}, minus = {-0.1, -0.2, -0.3};
  CHECK(verdict_for(better("a", "b", "test_accuracy", 0.03), a) == kYes);
  CHECK(verdict_for(better("a", "b", "test_accuracy", 0.04), a) == kNoise);
  CHECK(verdict_for(better("a", "b", "test_accuracy", 0.36), a) == kNoise);
  CHECK(verdict_for(better("a", "b", "test_accuracy", 0.37), a) == kNo);
  CHECK(verdict_for(better("a", "b", "test_accuracy"), minus) == kNo);
  // Less is better.
  CHECK(verdict_for(better("a", "b", "test_loss"), minus) == kYes);
  CHECK(verdict_for(better("a", "b", "test_loss"), a) == kNo);
  CHECK(verdict_for(not_worse("a", "b", "test_accuracy", 0), a) == kYes);
  CHECK(verdict_for(not_worse("a", "b", "test_accuracy", 0.37), minus) == kYes);
  CHECK(verdict_for(not_worse("a", "b", "test_accuracy", 0.36), minus) == kNoise);
  CHECK(verdict_for(not_worse("a", "b", "test_accuracy", 0.03), minus) == kNo);
  CHECK(verdict_for(equal("a", "b", "test_accuracy", 0.37), a) == kYes);
  CHECK(verdict_for(equal("a", "b", "test_accuracy", 0.37), minus) == kYes);
  CHECK(verdict_for(equal("a", "b", "test_accuracy", 0.1), a) == kNoise);
  CHECK(verdict_for(equal("a", "b", "test_accuracy", 0.03), a) == kNo);
  CHECK(verdict_for(equal("a", "b", "test_accuracy", 0.03), minus) == kNo);
}

TEST_CASE("verdict: bounds, ratios, rates") {
  const std::vector<double> a = {1.1, 1.2, 1.3};
  CHECK(verdict_for(at_least("a", "test_accuracy", 1.03), a) == kYes);
  CHECK(verdict_for(at_least("a", "test_accuracy", 1.2), a) == kNoise);
  CHECK(verdict_for(at_least("a", "test_accuracy", 1.37), a) == kNo);
  CHECK(verdict_for(at_most("a", "test_loss", 1.37), a) == kYes);
  CHECK(verdict_for(at_most("a", "test_loss", 1.2), a) == kNoise);
  CHECK(verdict_for(at_most("a", "test_loss", 1.03), a) == kNo);
  // Twice as many of 100, 200, 400: the logarithm of the ratio is the same each time.
  const std::vector<double> many = {200, 400, 800}, few = {100, 200, 400};
  CHECK(verdict_for(ratio_at_most("b", "a", "steps", 0.5), many, few) == kYes);
  CHECK(verdict_for(ratio_at_most("b", "a", "steps", 0.49), many, few) == kNo);
  const ClaimRecord r = verdict_of_pair(ratio_at_most("a", "b", "steps", 3), {210, 400, 760}, few);
  CHECK(r.estimate == doctest::Approx(std::cbrt(2.1 * 2.0 * 1.9)));
  CHECK(r.verdict == kYes);
  CHECK(verdict_for(ratio_at_most("a", "b", "steps", 1.5), {210, 400, 760}, few) == kNo);
  CHECK(verdict_for(ratio_at_most("a", "b", "steps", 0.5), {0, 0, 0}, {100, 110, 120}) == kYes);

  ArmRecord falling = verdict_arm("a", "x", {1, 1, 1});
  for (Outcome& o : falling.outcomes) o.curves["gap"] = {"step", {1, 4, 16}, {2, 1, 0.5}};
  CHECK(judge("rate", rate_at_most("a", "gap", -0.5), {falling}).verdict == kYes);
  CHECK(judge("rate", rate_at_most("a", "gap", -0.6), {falling}).verdict == kNo);
}

TEST_CASE("verdict: figures without noise decide by themselves") {
  const std::vector<double> ten = {10, 10, 10}, nine = {9, 9, 9};
  CHECK(verdict_for(better("a", "b", "steps"), nine, ten) == kYes);
  CHECK(verdict_for(better("a", "b", "steps"), ten, nine) == kNo);
  CHECK(verdict_for(better("a", "b", "steps"), ten, ten) == kNo);
  CHECK(verdict_for(not_worse("a", "b", "steps", 0), ten, ten) == kYes);
  CHECK(verdict_for(not_worse("a", "b", "steps", 0), ten, nine) == kNo);
  CHECK(verdict_for(not_worse("a", "b", "steps", 1), ten, nine) == kYes);
  CHECK(verdict_for(equal("a", "b", "steps", 1), ten, nine) == kYes);
  CHECK(verdict_for(equal("a", "b", "steps", 0.5), ten, nine) == kNo);
  CHECK(verdict_for(at_most("a", "steps", 10), ten) == kYes);
  CHECK(verdict_for(at_most("a", "steps", 9), ten) == kNo);
  CHECK(verdict_for(at_least("a", "test_accuracy", 10), ten) == kYes);
  // 0.901 - 0.9 is not 0.001 in binary.
  CHECK(verdict_for(not_worse("a", "b", "test_accuracy", 0.001), {0.9, 0.9, 0.9}, {0.901, 0.901, 0.901}) ==
        kYes);
}

TEST_CASE("verdict: a diverged run is a bad score") {
  const double nan = std::nan("");
  // Accuracies 0.9, 0.9, 0 against 0.8: mean of the differences -0.2, far too noisy to tell.
  const ClaimRecord r = verdict_of_pair(better("a", "b", "test_accuracy"), {0.9, 0.9, nan}, {0.8, 0.8, 0.8});
  CHECK(r.estimate == doctest::Approx(-0.2));
  CHECK(r.verdict == kNoise);
  // The worst loss there is is 3, so it counts as 6.
  CHECK(verdict_of_pair(better("a", "b", "test_loss"), {1, 1, nan}, {2, 3, 2}).estimate ==
        doctest::Approx((-1.0 - 2.0 + 4.0) / 3));
  // A bound is missed by it, however good the others are.
  CHECK(verdict_for(at_most("a", "test_loss", 5), {0.1, 0.1, nan}) != kYes);
  CHECK(verdict_for(not_worse("a", "b", "test_loss", 0.1), {0.5, 0.5, nan}, {0.5, 0.5, 0.5}) != kYes);
  const std::vector<double> all(3, nan);
  CHECK(verdict_for(not_worse("a", "b", "test_loss", 1), all, all) == kNo);
  CHECK(verdict_for(better("a", "b", "test_accuracy"), {0.5, 0.5, 0.5}, all) == kYes);
}

TEST_CASE("verdict: the paper's is that of its weakest central claim") {
  const auto claim = [](Verdict v, bool central) {
    ClaimRecord c;
    c.verdict = v;
    c.central = central;
    return c;
  };
  CHECK(paper_verdict({claim(kYes, true), claim(kNo, false)}) == kYes);
  CHECK(paper_verdict({claim(kYes, true), claim(kNoise, true)}) == kNoise);
  CHECK(paper_verdict({claim(kNoise, true), claim(kNo, true)}) == kNo);
  CHECK_THROWS_AS(paper_verdict({claim(kYes, false)}), UsageError);
}

TEST_CASE("verdict: what cannot be judged says so") {
  const ArmRecord a = verdict_arm("adam", "test_loss", {1, 2}),
                  b = verdict_arm("sgd", "test_loss", {1, 2, 3});
  CHECK_THROWS_WITH_AS(judge("t", better("adm", "sgd", "test_loss"), {a, b}),
                       doctest::Contains("did you mean 'adam'"), UsageError);
  CHECK_THROWS_WITH_AS(judge("t", at_most("adam", "test_los", 1), {a}),
                       doctest::Contains("did you mean 'test_loss'"), UsageError);
  CHECK_THROWS_AS(judge("t", better("adam", "sgd", "test_loss"), {a, b}), UsageError);
}

// Scores of two arms over five seeds, as often as asked: how many claims "a better than b" show.
namespace {
double share_shown(int64 experiments, double difference, const char* purpose) {
  Rng rng = Rng(15).fork(purpose);
  int64 shown = 0;
  for (int64 k = 0; k < experiments; ++k) {
    std::vector<double> a, b;
    for (int seed = 0; seed < 5; ++seed) {
      a.push_back(difference + rng.normal());
      b.push_back(rng.normal());
    }
    shown += verdict_for(better("a", "b", "score"), a, b) == kYes;
  }
  return static_cast<double>(shown) / static_cast<double>(experiments);
}
}  // namespace

TEST_CASE("verdict: equal arms are called different in 4 to 6 % of 20,000 experiments") {
  const double rate = share_shown(20000, 0, "same");
  MESSAGE("shown of equal arms: ", rate);
  CHECK(rate >= 0.04);
  CHECK(rate <= 0.06);
}

TEST_CASE("verdict: a difference of two deviations is found with five seeds in 80 % or more") {
  const double rate = share_shown(20000, 2, "apart");
  MESSAGE("shown of arms two deviations apart: ", rate);
  CHECK(rate >= 0.80);
}
