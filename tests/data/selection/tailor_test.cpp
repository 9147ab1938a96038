// TAILOR's value and bandit, and its candidates: galaxy, badge, orders of preference.
#include "data/selection/tailor.h"

#include <doctest/doctest.h>

#include <cmath>

#include "core/error.h"
#include "core/random_laws.h"
#include "data/selection/candidate_order.h"
#include "data/selection/galaxy.h"
#include "data/selection/gradient_embedding.h"
#include "tests/precision.h"

using namespace gradus;

namespace {

// One-hot rows of so many examples of each class.
std::vector<int64> rows_of_counts(const std::vector<int64>& counts) {
  std::vector<int64> rows;
  for (size_t c = 0; c < counts.size(); ++c)
    for (int64 i = 0; i < counts[c]; ++i)
      for (size_t k = 0; k < counts.size(); ++k) rows.push_back(k == c);
  return rows;
}

}  // namespace

TEST_CASE("tailor: a label's value is 1/count, negated for a majority") {
  const std::vector<double> v = diversity_value(rows_of_counts({60, 30, 10}), 3, "div");
  CHECK(v[0] == doctest::Approx(-1.0 / 60).epsilon(1e-12));
  CHECK(v[1] == doctest::Approx(1.0 / 30).epsilon(1e-12));
  CHECK(v[2] == doctest::Approx(1.0 / 10).epsilon(1e-12));
  CHECK(diversity_value(rows_of_counts({2, 2, 0}), 3, "div") ==
        std::vector<double>{0.5, 0.5, 1});  // half is no majority
  CHECK(diversity_value(rows_of_counts({5, 1, 0}), 3, "pos") == std::vector<double>{1, 1, 1});
  CHECK_THROWS_AS(diversity_value(std::vector<int64>{1, 0, 1}, 2, "div"), ShapeError);
}

TEST_CASE("tailor: counts of one pick, of none, and the law they make") {
  TailorBandit bandit(2, 3, 0.9, false);
  CHECK(bandit.law() == std::vector<double>{2, 2, 2, 2, 2, 2});
  bandit.observe(0, std::vector<int64>{0, 1, 0});
  CHECK(bandit.law() == std::vector<double>{2, 2, 2, 2, 2, 2});  // labels count at the round's end
  bandit.end_round();
  const std::vector<double> expected{0.9, 1.9, 0.9, 0.9, 0.9, 0.9, 1.9, 0.9, 1.9, 0.9, 0.9, 0.9};
  for (size_t i = 0; i < expected.size(); ++i)
    CHECK(bandit.stats()[i] == doctest::Approx(expected[i]).epsilon(1e-12));
  for (int t = 0; t < 4; ++t) bandit.end_round();
  CHECK(bandit.stats()[3] == doctest::Approx(std::pow(0.9, 5)).epsilon(1e-12));
  CHECK(bandit.stats()[1] == doctest::Approx(1.9 * std::pow(0.9, 4)).epsilon(1e-12));
  CHECK(TailorBandit(1, 2, 0.9, true).law() == std::vector<double>{1, 1});
  CHECK_THROWS_AS(bandit.set_stats({1}), DataError);
}

TEST_CASE("tailor: the arm of the largest inner product, of equals the first") {
  const TailorBandit bandit(3, 2, 0.9, false);
  CHECK(bandit.choose(std::vector<double>{0.5, 0.5, 0.2, 0.8, 0.2, 0.8}, std::vector<double>{-1, 1}) == 1);
  CHECK(bandit.choose(std::vector<double>{0.5, 0.5, 0.2, 0.8, 0.2, 0.8}, std::vector<double>{1, 1}) == 0);
}

TEST_CASE("tailor: an arm that brings in the only class of value gets nearly all picks") {
  TailorBandit bandit(3, 3, 0.9, false);
  const std::vector<double> value{-0.1, -0.1, 1};
  Rng rng(4);
  int64 last = 0;
  for (int round = 0; round < 12; ++round) {
    last = 0;
    for (int pick = 0; pick < 40; ++pick) {
      const int64 a = bandit.choose(bandit.draw(rng), value);
      bandit.observe(a, a == 1 ? std::vector<int64>{0, 0, 1} : std::vector<int64>{1, 0, 0});
      last += a == 1;
    }
    bandit.end_round();
  }
  CHECK(last >= 38);
}

TEST_CASE("random laws: moments of Dirichlet, beta and gamma, also of shapes far below one") {
  Rng rng(1);
  double mean = 0, square = 0, beta = 0;
  const int n = 20000;
  for (int i = 0; i < n; ++i) {
    const std::vector<double> x = dirichlet_draw(rng, std::vector<double>{2, 2, 2});
    CHECK(std::abs(x[0] + x[1] + x[2] - 1) < 1e-12);
    mean += x[0] / n, square += x[0] * x[0] / n;
    beta += beta_draw(rng, 0.5, 1.5) / n;
  }
  CHECK(mean == doctest::Approx(1.0 / 3).epsilon(0.01));
  CHECK(square - mean * mean == doctest::Approx(0.031746).epsilon(0.04));
  CHECK(beta == doctest::Approx(0.25).epsilon(0.03));
  double gamma = 0, half = 0;
  for (int i = 0; i < n; ++i) {
    gamma += std::exp(log_gamma_draw(rng, 3.5)) / n;
    half += std::exp(log_gamma_draw(rng, 0.3)) / n;
    const std::vector<double> tiny = dirichlet_draw(rng, std::vector<double>{1e-4, 1e-4});
    CHECK(std::isfinite(tiny[0]));
    CHECK(tiny[0] + tiny[1] == doctest::Approx(1));
  }
  CHECK(gamma == doctest::Approx(3.5).epsilon(0.02));
  CHECK(half == doctest::Approx(0.3).epsilon(0.05));
  CHECK_THROWS_AS(log_gamma_draw(rng, 0), UsageError);
  CHECK_THROWS_AS(dirichlet_draw(rng, {}), UsageError);
}

TEST_CASE("candidate order: keys by hand, labelled ones left out") {
  const Tensor p = Tensor::from({3, 3}, {real(0.5), real(0.4), real(0.1), real(0.6), real(0.2), real(0.2),
                                         real(0.34), real(0.33), real(0.33)});
  const double close = tests::kDouble ? 1e-12 : 1e-6;
  const auto at = [&](const char* arm, size_t i, int64 c = 0) { return keys_of(arm, p, c)[i]; };
  CHECK(at("confidence", 1) == doctest::Approx(0.6).epsilon(close));
  CHECK(at("margin", 0) == doctest::Approx(0.1).epsilon(10 * close));
  CHECK(at("entropy", 0) ==
        doctest::Approx(0.5 * std::log(0.5) + 0.4 * std::log(0.4) + 0.1 * std::log(0.1)).epsilon(close));
  CHECK(at("mlp", 0, 1) == doctest::Approx(-0.4).epsilon(close));
  CHECK(at("uncertain", 1, 2) == doctest::Approx(0.3).epsilon(close));
  CHECK(at("emal", 1) == doctest::Approx(0.7).epsilon(close));
  CHECK(candidate_order(std::vector<double>{3, 1, 1, 0}, std::vector<char>{0, 0, 0, 1}, 2) ==
        std::vector<int64>{1, 2});
  CHECK_THROWS_AS(keys_of("mlp", p, 3), UsageError);
  CHECK_THROWS_WITH_AS(keys_of("margins", p), doctest::Contains("margin"), UsageError);
}

TEST_CASE("galaxy: the middle of the shortest run, then the nearest to the boundary, then nothing") {
  // Ranks are items: p rises.
  Tensor p({8, 2});
  for (int64 i = 0; i < 8; ++i) {
    p.mutable_data()[2 * i] = static_cast<real>(0.1 * static_cast<double>(i));
    p.mutable_data()[2 * i + 1] = static_cast<real>(1 - 0.1 * static_cast<double>(i));
  }
  //                          0  1  2  3  4  5  6  7
  const std::vector<char> y{0, 0, 0, 0, 1, 1, 1, 1}, known{0, 1, 0, 0, 0, 1, 0, 0};
  Galaxy galaxy(p, 0, true, y, known);
  CHECK(galaxy.informed_rank() == 3);  // of 2, 3, 4
  galaxy.mark(3);
  CHECK(galaxy.informed_rank() == 4);  // the run 4 between 3 (no) and 5 (yes)
  galaxy.mark(4);
  CHECK(galaxy.informed_rank() == 2);  // the boundary is at 3, 4: 2 at distance 1, 6 at distance 2
  galaxy.mark(2);
  galaxy.mark(0);
  CHECK(galaxy.informed_rank() == 6);
  galaxy.mark(6), galaxy.mark(7);
  CHECK(galaxy.informed_rank() == -1);
  // Of two runs the shorter, not the last.
  CHECK(Galaxy(p, 0, true, {0, 0, 1, 0, 0, 0, 0, 0}, {1, 0, 1, 0, 0, 1, 0, 0}).informed_rank() == 1);
  // Equal distances: the later offer, above the boundary.
  CHECK(Galaxy(p, 0, true, y, {0, 0, 0, 1, 1, 0, 0, 0}).informed_rank() == 5);
  CHECK_THROWS_AS(Galaxy(p, 2, true, y, known), UsageError);
}

TEST_CASE("badge: distances are those of the whole gradients, and centres are not drawn again") {
  Rng rng(3);
  const int64 n = 6, c = 3, d = 2;
  Tensor p({n, c}), h = rng.normal_tensor({n, d});
  for (int64 i = 0; i < n; ++i) {
    double sum = 0;
    std::vector<double> e;
    for (int64 k = 0; k < c; ++k) sum += e.emplace_back(std::exp(rng.normal()));
    for (int64 k = 0; k < c; ++k)
      p.mutable_data()[i * c + k] = static_cast<real>(e[static_cast<size_t>(k)] / sum);
  }
  const auto embedding = [&](int64 i) {
    std::vector<double> g;
    int64 top = 0;
    for (int64 k = 1; k < c; ++k)
      if (p.data()[i * c + k] > p.data()[i * c + top]) top = k;
    for (int64 k = 0; k < c; ++k)
      for (int64 j = 0; j < d; ++j)
        g.push_back(((k == top) - static_cast<double>(p.data()[i * c + k])) *
                    static_cast<double>(h.data()[i * d + j]));
    return g;
  };
  const auto distance = [&](int64 a, int64 b) {
    const std::vector<double> x = embedding(a), y = embedding(b);
    double sum = 0;
    for (size_t i = 0; i < x.size(); ++i) sum += (x[i] - y[i]) * (x[i] - y[i]);
    return sum;
  };
  CentreDistances all = CentreDistances::of_gradients(p, h);
  all.add_centre(2);
  all.add_centre(4);
  for (int64 i = 0; i < n; ++i)
    CHECK(std::abs(all[i] - std::min(distance(i, 2), distance(i, 4))) < (tests::kDouble ? 1e-12 : 1e-5));
  Badge badge(p, h, {0, 1, 0, 0, 0, 0});
  std::vector<char> seen(static_cast<size_t>(n), 0);
  for (int k = 0; k < 4; ++k) {
    const int64 item = badge.next(0.5);
    REQUIRE(item >= 0);
    CHECK(item != 1);
    CHECK(seen[static_cast<size_t>(item)] == 0);
    seen[static_cast<size_t>(item)] = 1;
    badge.take(item);
  }
  CHECK(badge.next(0.5) == -1);  // one of the five was the first centre
  CHECK(drawn_index(std::vector<double>{1, 1, 2}, 0.25) == 1);
  CHECK(drawn_index(std::vector<double>{1, 1, 2}, 0.4999) == 1);
  CHECK(drawn_index(std::vector<double>{0, 0}, 0.6) == 1);
  CHECK(drawn_index(std::vector<double>{1, 0}, 1.0) == 1);
}

TEST_CASE("albl: one pick by hand") {
  const AlblProbabilities at =
      albl_probabilities({1, 1}, std::vector<int64>{1}, std::vector<double>{0.5}, std::vector<double>{0.25},
                         std::vector<double>{0.5, 0.5}, 0.1);
  const double w = std::exp(0.025 * (2 + std::sqrt(std::log(20.0) / 2) / 0.5));
  CHECK(at.weights[1] == doctest::Approx(w / (1 + w)).epsilon(1e-12));
  CHECK(at.probabilities[0] == doctest::Approx(0.9 / (1 + w) + 0.05).epsilon(1e-12));
  CHECK_THROWS_AS(albl_probabilities({1}, std::vector<int64>{1}, std::vector<double>{1},
                                     std::vector<double>{1}, std::vector<double>{1}, 0.1),
                  UsageError);
}
