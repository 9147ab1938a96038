// Three small environments with known best policies.
//
//   bandit      one pull an episode: reward = mean of the arm + noise; the means are equally spaced from 0 to 1, in an order drawn
//               by `layout`
//   grid-world  from the upper left to the lower right cell; up, right, down, left, walls stop; with probability `slip` a random
//               action is taken instead; reward 1 at the goal
//   pattern     a word of letters, drawn by `layout`, is to be spelled; the position is seen, the reward, the share of right letters,
//               comes at the end alone
#pragma once

#include "data/environments/environment.h"

namespace gradus {

struct BanditOptions {
  int64 arms = 10, layout = 0;
  double noise = 0.1;
  void visit(auto&& f) {
    f("arms", arms, "actions", at_least(1));
    f("layout", layout, "seed of the order of the arms");
    f("noise", noise, "deviation of a reward", at_least(0));
  }
};
/// The mean rewards of the arms.
std::vector<double> bandit_means(const BanditOptions& options);
EnvironmentPtr make_bandit(const BanditOptions& options, const Rng& rng);

struct GridWorldOptions {
  int64 rows = 4, cols = 4, step_limit = 50;
  double slip = 0;
  void visit(auto&& f) {
    f("rows", rows, "of the grid", at_least(1));
    f("cols", cols, "of the grid", at_least(1));
    f("step_limit", step_limit, "after which an episode ends", at_least(1));
    f("slip", slip, "probability of a random action", between(0, 1));
  }
};
EnvironmentPtr make_grid_world(const GridWorldOptions& options, const Rng& rng);

struct PatternOptions {
  int64 length = 5, letters = 3, layout = 0;
  void visit(auto&& f) {
    f("length", length, "of the word", at_least(1));
    f("letters", letters, "actions", at_least(1));
    f("layout", layout, "seed of the word");
  }
};
std::vector<int64> pattern_word(const PatternOptions& options);
EnvironmentPtr make_pattern(const PatternOptions& options, const Rng& rng);

}  // namespace gradus
