// Which trial of an arm wins.
#pragma once

#include "apps/papers/plan.h"

namespace gradus {

struct TuningResult {
  std::string metric;  ///< "validation_accuracy"
  std::vector<TrialRecord> trials;
  OptionList chosen;
  std::vector<std::string> warnings;
};

/// The best mean over the tuning seeds of `metric` ("": test_accuracy, else test_loss); of equals the first. A trial that
/// diverged with any seed loses to all that did not. `outcomes`: trial by trial, its seeds together. Throws UsageError for a
/// metric that a run does not report.
TuningResult choose(const Arm& arm, const std::vector<OptionList>& trials,
                    const std::vector<Outcome>& outcomes, const std::string& metric);

/// The settings of a run that are not the defaults, without its seed and the place of the data: what a record shows.
nlohmann::ordered_json config_of(const RunSpec& run);

}  // namespace gradus
