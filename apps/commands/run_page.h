// The parts of a page about training runs that their directories alone give: curves and settings.
#pragma once

#include <string>
#include <vector>

#include "apps/report/page.h"
#include "apps/train/run_summary.h"

namespace gradus {

/// "97.75 %, at step 500"; by loss where nothing is labelled; "-" before the first evaluation.
std::string best_text(const RunSummary& run);
/// "5.5 of 10 epochs", "300 of 2000 steps"; of a finished run the steps and epochs alone.
std::string length_text(const RunSummary& run);

/// Curves of one run as SVG: loss, accuracy, lr, norms of gradients; without those that it has no values of.
std::vector<std::string> run_plots(const RunSummary& run, const std::vector<GradNormRow>& norms);
/// Curves of runs over each other, one group for each data set: test loss, accuracy, training loss, lr.
Html compared_plots(const std::vector<RunSummary>& runs);

/// The settings that somebody chose, the line that starts the run, and all the others behind a fold.
Html settings_section(const TrainConfig& config);

}  // namespace gradus
