// What holds for every environment of the table, and the small worlds by hand.
#include "data/environments/environment.h"

#include <doctest/doctest.h>

#include <cmath>

#include "core/error.h"
#include "data/environments/simple_worlds.h"

namespace gradus::environment_tests {

std::vector<real> seen(const Environment& world) {
  std::vector<real> x(static_cast<size_t>(world.observation_size()));
  world.observe(x);
  return x;
}

TEST_CASE("environments: episodes hang on seed and actions, copies go on alike, the end is the end") {
  for (const EnvironmentEntry& entry : environments()) {
    CAPTURE(entry.name);
    CHECK(!entry.summary.empty());
    const EnvironmentPtr a = make_environment(entry.name, Rng(5)), b = make_environment(entry.name, Rng(5));
    CHECK_THROWS_AS(a->step(a->actions()), DataError);
    CHECK_THROWS_AS(a->step(-1), DataError);
    Rng actions(9);
    for (int t = 0; t < 1000 && !a->done(); ++t) {
      const EnvironmentPtr copy = a->clone();
      const std::vector<real> before = seen(*a);
      for (const real x : before) CHECK(std::isfinite(x));
      CHECK(before == seen(*b));
      const int64 action = actions.below(a->actions());
      const double reward = a->step(action);
      CHECK(b->step(action) == reward);
      CHECK(seen(*copy) == before);  // does not move along
      CHECK(copy->step(action) == reward);
      CHECK(seen(*copy) == seen(*a));
    }
    CHECK(a->done());
    const std::vector<real> last = seen(*a);
    CHECK(a->step(0) == 0);
    CHECK(seen(*a) == last);
  }
  CHECK_THROWS_WITH_AS(make_environment("snak", Rng(1)), doctest::Contains("snake"), UsageError);
  CHECK_THROWS_WITH_AS(make_environment("snake:row=3", Rng(1)), doctest::Contains("rows"), UsageError);
}

TEST_CASE("environments: the small worlds by hand") {
  CHECK(bandit_means({.arms = 1}) == std::vector<double>{1});
  const std::vector<double> means = bandit_means({.arms = 3});
  CHECK(means[0] + means[1] + means[2] == 1.5);
  const EnvironmentPtr bandit = make_environment("bandit:arms=3,noise=0", Rng(1));
  CHECK(bandit->step(2) == means[2]);
  CHECK(bandit->done());
  const EnvironmentPtr grid = make_environment("grid-world:rows=2,cols=3", Rng(1));
  for (const int64 a : {0, 3, 1, 1}) CHECK(grid->step(a) == 0);  // walls stop
  CHECK(seen(*grid) == std::vector<real>{0, 0, 1, 0, 0, 0});
  CHECK(grid->step(2) == 1);
  CHECK(grid->done());
  const EnvironmentPtr lost = make_environment("grid-world:step_limit=2", Rng(1));
  lost->step(0), lost->step(0);
  CHECK(lost->done());
  const std::vector<int64> word = pattern_word({.length = 4, .letters = 3});
  const EnvironmentPtr pattern = make_environment("pattern:length=4,letters=3", Rng(1));
  for (size_t i = 0; i < 3; ++i) CHECK(pattern->step(word[i]) == 0);
  CHECK(pattern->step((word[3] + 1) % 3) == 0.75);
  CHECK(pattern->done());
}

TEST_CASE("environments: slips take random actions") {
  int64 moved = 0;
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    const EnvironmentPtr grid = make_environment("grid-world:slip=1", Rng(seed));
    grid->step(0);  // up from the upper left corner: stays, unless it slips right or down
    moved += seen(*grid)[0] == 0;
  }
  CHECK(moved > 70);
  CHECK(moved < 130);
}

}  // namespace gradus::environment_tests
