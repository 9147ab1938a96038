// The whole zoo under one protocol: how many steps every optimizer takes to a target loss on three networks.
//
// An experiment in the form of a paper's (the same trials, seeds, tests and records), but of no paper: it is found by its name
// alone, `gradus papers run zoo`, and its record is a table in the report.
#pragma once

#include <string>
#include <vector>

#include "apps/papers/paper.h"
#include "apps/papers/record.h"

namespace gradus {

/// The entry. One arm an optimizer and network, named "lenet: adamw"; one claim each, that it needs fewer steps than AdamW.
const Paper& zoo();

/// An optimizer on one network, as recorded.
struct ZooScore {
  double steps = 0, deviation = 0;  ///< mean over seeds; the budget where the target was not reached
  int reached = 0, runs = 0;        ///< how many of the runs reached the target
  double p_fewer = 1;               ///< of "fewer steps than AdamW", one-sided, paired over seeds
  std::string lr;                   ///< that was chosen; "" without a step size
};
struct ZooRow {
  std::string name;
  std::vector<ZooScore> scores;  ///< in the order of zoo_networks()
  double relative = 0;           ///< geometric mean over networks of steps, relative to AdamW's
};
/// "lenet", "resnet8", "gpt".
std::vector<std::string> zoo_networks();
/// Of a record of zoo(): the fewest relative steps first. Optimizers that are not on every network are left out.
std::vector<ZooRow> zoo_rows(const Record& record);
/// "52 +- 3 +": steps, deviation, + or - where it takes fewer or more than AdamW at 5 %; in brackets how many runs reached the
/// target where not all did; "-" where none did.
std::string zoo_cell(const ZooScore& score);
/// The rows as a table for a terminal.
std::string zoo_text(const Record& record);

}  // namespace gradus
