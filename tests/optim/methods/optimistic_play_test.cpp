// Players with two step sizes: the card's rounds, identities between the forms, regret by hand.
#include "optim/methods/optimistic_play.h"

#include <doctest/doctest.h>

#include <array>
#include <cmath>

#include "core/error.h"
#include "optim/problems/games.h"

using namespace gradus;

namespace gradus::optimistic_play_tests {

// Rounds of th*ph without noise; played and base points of each.
struct Rounds {
  std::vector<std::array<double, 2>> played, base;
};
Rounds rounds_of(const OptimisticOptions& o, int count) {
  const double one = 1;
  OptimisticPlayer first(o, {&one, 1}), second(o, {&one, 1});
  const LinearGame game = planar_bilinear_game();
  Rounds all;
  for (int t = 0; t < count; ++t) {
    all.base.push_back({first.base()[0], second.base()[0]});
    all.played.push_back({first.play()[0], second.play()[0]});
    const std::vector<double> g = game_operator(game, all.played.back());
    first.observe({&g[0], 1});
    second.observe({&g[1], 1});
  }
  all.base.push_back({first.base()[0], second.base()[0]});
  return all;
}

void check_points(const std::vector<std::array<double, 2>>& points, size_t from,
                  std::initializer_list<std::array<double, 2>> expected) {
  for (const auto& e : expected) {
    REQUIRE(from < points.size());
    CHECK(points[from][0] == doctest::Approx(e[0]).epsilon(1e-7));
    CHECK(points[from][1] == doctest::Approx(e[1]).epsilon(1e-7));
    ++from;
  }
}

TEST_CASE("optimistic play: og+ and adaoptda+ in the planar game, round by round") {
  const Rounds og = rounds_of({.method = "og+", .gamma = 0.1, .eta = 0.01}, 3);
  check_points(og.played, 0, {{1, 1}, {0.89, 1.11}, {0.8679, 1.1079}});
  check_points(og.base, 1, {{0.99, 1.01}, {0.9789, 1.0189}, {0.967821, 1.027579}});
  const Rounds ada = rounds_of({.method = "adaoptda+"}, 3);
  check_points(ada.played, 0, {{1, 1}, {-1, 3}, {-3.832090322519647, 0.1591035847462855}});
  check_points(ada.base, 1, {{0, 2}, {-1.3094010767585034, 1}, {-0.1230762772786913, -0.7137628914146048}});
}

TEST_CASE(
    "optimistic play: with a constant eta dual averaging is the same; without extrapolation play spirals "
    "outwards") {
  const Rounds a = rounds_of({.method = "og+", .gamma = 0.2, .eta = 0.05}, 30);
  const Rounds b = rounds_of({.method = "optda+", .gamma = 0.2, .eta = 0.05}, 30);
  for (size_t t = 0; t < a.base.size(); ++t)
    CHECK(a.base[t][0] == doctest::Approx(b.base[t][0]).epsilon(1e-12));
  const Rounds plain = rounds_of({.method = "og+", .gamma = 0, .eta = 0.1}, 5);
  for (size_t t = 0; t <= 5; ++t)
    CHECK(std::pow(std::hypot(plain.base[t][0], plain.base[t][1]), 2) ==
          doctest::Approx(2 * std::pow(1.01, static_cast<double>(t))).epsilon(1e-12));
  // With falling steps the two differ from the second step of the base on.
  const Rounds c =
      rounds_of({.method = "og+", .gamma = 0.2, .eta = 0.1, .gamma_power = 0.25, .eta_power = 0.5}, 3);
  const Rounds d =
      rounds_of({.method = "optda+", .gamma = 0.2, .eta = 0.1, .gamma_power = 0.25, .eta_power = 0.5}, 3);
  CHECK(c.base[1][0] == doctest::Approx(1 - 0.1 / std::sqrt(2.0)).epsilon(1e-12));
  CHECK(c.base[1][0] == d.base[1][0]);
  CHECK(std::abs(c.base[2][0] - d.base[2][0]) > 1e-3);
}

TEST_CASE("optimistic play: steps never grow, the adaptive ones start at 1; a convex loss is minimised") {
  OptimisticPlayer ada({.method = "adaoptda+"}, std::array{2.0, -1.0});
  std::vector<double> gammas, etas;
  for (int t = 0; t < 400; ++t) {
    const std::vector<double> x = ada.play();
    gammas.push_back(ada.gamma());
    ada.observe(std::array{2 * (x[0] - 1), 0.5 * (x[1] + 3)});
    etas.push_back(ada.eta());
  }
  CHECK(gammas[0] == 1);
  CHECK(gammas[1] == 1);
  CHECK(etas[0] == 1);
  CHECK(gammas[2] < 1);
  CHECK(etas[1] < 1);
  for (size_t t = 1; t < gammas.size(); ++t) {
    CHECK(gammas[t] <= gammas[t - 1]);
    CHECK(etas[t] <= etas[t - 1]);
  }
  CHECK(ada.base()[0] == doctest::Approx(1).epsilon(1e-3));
  CHECK(ada.base()[1] == doctest::Approx(-3).epsilon(1e-2));
  CHECK_THROWS_AS(ada.observe(std::array{1.0}), ShapeError);
  CHECK_THROWS_AS(ada.observe(std::array{1.0, std::nan("")}), NumericError);
}

TEST_CASE("games: operators and regrets by hand") {
  const std::array<double, 4> a = {1, 2, 3, 4};
  const LinearGame quadratic = quadratic_game(2, 0.5, a);
  // (mu th + A ph, mu ph - A'th) at th = (1,0), ph = (0,1).
  const std::vector<double> v = game_operator(quadratic, std::array{1.0, 0.0, 0.0, 1.0});
  CHECK(v == std::vector<double>{0.5 + 2, 4, -1, 0.5 - 2});
  CHECK_THROWS_AS(game_operator(quadratic, std::array{1.0}), ShapeError);
  BilinearRegret regret({2}, 1, 1, 3);
  const double theta = 0.5, phi = -1, theta2 = 1, phi2 = 2;
  regret.play({&theta, 1}, {&phi, 1});
  CHECK(regret.of_min() == doctest::Approx(-1 + 3 * 2));
  CHECK(regret.of_max() == doctest::Approx(1 + 3 * 1));
  regret.play({&theta2, 1}, {&phi2, 1});
  CHECK(regret.of_min() == doctest::Approx(-1 + 4 + 3 * 2));
  CHECK(regret.of_max() == doctest::Approx(1 - 4 + 3 * 3));
}

}  // namespace gradus::optimistic_play_tests
