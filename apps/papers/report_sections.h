// The parts of a paper's section in a report, each made of its record alone.
#pragma once

#include <string>

#include "apps/papers/record.h"
#include "apps/report/page.h"

namespace gradus {

/// Claims with the figures they rest on: means and deviations of the arms, what is tested with its interval, p, verdict.
Html claim_table(const Record& record);
/// Bars of the metrics that are claimed, then curves (at most six names) with seed bands. `slug`: in front of the plots' ids.
Html record_plots(const Record& record, const std::string& slug);
/// Every arm with what was chosen, its metrics, time a run, diverged runs and warnings.
Html arm_table(const Record& record);
/// Every trial with its score, behind a fold; nothing where nothing was tuned.
Html tuning_table(const Record& record);
/// Settings: what all arms share once, what differs arm by arm; the commands of arms. Behind a fold.
Html settings_table(const Record& record);

}  // namespace gradus
