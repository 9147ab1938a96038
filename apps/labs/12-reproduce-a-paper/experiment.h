// A fair comparison: arms with equally many trials, tuned on a validation split with seeds that the final runs do not use; the test
// set is seen once an arm and seed, by the settings chosen; the same final seeds for all arms.
#pragma once

#include <cmath>
#include <cstdio>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "statistics.h"

using Settings = std::map<std::string, double>;  // "lr" -> 0.1

// A run: its settings, its seed, and whether it may see the test set (else it reports the loss on the validation split). Returns the loss.
using Run = std::function<double(const Settings&, unsigned seed, bool test)>;

struct Arm {
  std::string name;
  Run run;
  std::map<std::string, std::vector<double>> grid;  // what is tuned: all combinations are tried
};

struct Plan {
  size_t tuning_seeds = 2, final_seeds = 5;
};

struct ArmResult {
  std::string name;
  Settings chosen;
  size_t trials = 0;                // combinations tried
  std::vector<double> test_losses;  // by final seed
};

// ---- Part 2

// All combinations of a grid's values. The first name of the map changes slowest. An empty grid has one combination, of nothing.
inline std::vector<Settings> combinations(const std::map<std::string, std::vector<double>>& grid) {
  // BEGIN SOLUTION 2.1
  std::vector<Settings> all = {{}};
  for (const auto& [name, values] : grid) {
    std::vector<Settings> longer;
    for (const Settings& so_far : all)
      for (const double value : values) {
        longer.push_back(so_far);
        longer.back()[name] = value;
      }
    all = longer;
  }
  return all;
  // END SOLUTION
}

// The seed of a run: 0, 1, ... for final runs; 1000, 1001, ... for tuning, so that no seed does both.
inline unsigned seed_of(size_t index, bool tuning) {
  // BEGIN SOLUTION 2.2
  return unsigned(index) + (tuning ? 1000u : 0u);
  // END SOLUTION
}

// The place of the smallest loss; NaN and infinity lose against every number, the first of equals wins.
inline size_t best_of(const std::vector<double>& losses) {
  // BEGIN SOLUTION 2.3
  size_t best = 0;
  for (size_t i = 1; i < losses.size(); ++i) {
    const bool here = std::isfinite(losses[i]), there = std::isfinite(losses[best]);
    if (here && (!there || losses[i] < losses[best])) best = i;
  }
  return best;
  // END SOLUTION
}

// The combination whose mean validation loss over the tuning seeds is smallest.
inline Settings tune(const Arm& arm, const Plan& plan) {
  // BEGIN SOLUTION 2.4
  const std::vector<Settings> all = combinations(arm.grid);
  std::vector<double> losses;
  for (const Settings& settings : all) {
    std::vector<double> each;
    for (size_t s = 0; s < plan.tuning_seeds; ++s) each.push_back(arm.run(settings, seed_of(s, true), false));
    losses.push_back(mean(each));
  }
  return all[best_of(losses)];
  // END SOLUTION
}

// Tunes an arm, then runs it on the final seeds with the settings chosen, on the test set.
inline ArmResult run_arm(const Arm& arm, const Plan& plan) {
  // BEGIN SOLUTION 2.5
  ArmResult result{arm.name, tune(arm, plan), combinations(arm.grid).size(), {}};
  for (size_t s = 0; s < plan.final_seeds; ++s)
    result.test_losses.push_back(arm.run(result.chosen, seed_of(s, false), true));
  return result;
  // END SOLUTION
}

// Whether the comparison is one: the same number of trials in all arms, and of final runs.
inline bool fair(const std::vector<ArmResult>& results) {
  // BEGIN SOLUTION 2.6
  for (const ArmResult& r : results)
    if (r.trials != results[0].trials || r.test_losses.size() != results[0].test_losses.size()) return false;
  return true;
  // END SOLUTION
}

// "0.1234" (given).
inline std::string figure(double x) {
  char text[32];
  std::snprintf(text, sizeof text, "%.4f", x);
  return text;
}

// The report as Markdown: a line "# " + claim; an empty line; "Verdict: " + verdict of the first arm against the second with this
// margin; an empty line; then a table with the header "| arm | settings | test loss |", its rule "|---|---|---|" and a row an arm:
//   | sgd | lr=0.1 | 0.1234 ± 0.0012 |
// settings as name=value by "%g", joined by ", "; mean and standard deviation by figure(). Each line ends in a newline.
inline std::string report(const std::string& claim, const std::vector<ArmResult>& results, double margin) {
  // BEGIN SOLUTION 2.7
  std::string text = "# " + claim +
                     "\n\nVerdict: " + verdict(results[0].test_losses, results[1].test_losses, margin) +
                     "\n\n| arm | settings | test loss |\n|---|---|---|\n";
  for (const ArmResult& r : results) {
    std::string settings;
    for (const auto& [name, value] : r.chosen) {
      char one[64];
      std::snprintf(one, sizeof one, "%s%s=%g", settings.empty() ? "" : ", ", name.c_str(), value);
      settings += one;
    }
    text += "| " + r.name + " | " + settings + " | " + figure(mean(r.test_losses)) + " ± " +
            figure(standard_deviation(r.test_losses)) + " |\n";
  }
  return text;
  // END SOLUTION
}
