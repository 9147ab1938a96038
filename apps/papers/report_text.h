// How figures of papers are written: metrics with their units, verdicts.
#pragma once

#include <string>
#include <vector>

#include "apps/papers/record.h"
#include "apps/report/page.h"

namespace gradus {

/// Whether a metric is a share of 1 that is shown in per cent: accuracies.
bool shown_in_percent(const std::string& metric);
/// "test_accuracy" -> "test accuracy".
std::string spoken(std::string name);
/// "91.20 ± 0.31 %": mean and deviation over the seeds of a metric.
std::string metric_text(const std::string& metric, const std::vector<double>& values);
/// A single figure of it, "0.31 %"; `difference`: with a sign, shares in points ("+0.42 points").
std::string metric_text(const std::string& metric, double value, bool difference = false);

/// The values of a metric over an arm's seeds; NaN where a run did not report it.
std::vector<double> metric_values(const ArmRecord& arm, const std::string& metric);
/// Metrics that claims are about, in their order.
std::vector<std::string> claimed_metrics(const Record& record);
/// "1 of 3 diverged", or "".
std::string diverged_text(const ArmRecord& arm);

/// The verdict with a sign and a colour.
Html verdict_mark(Verdict verdict);

}  // namespace gradus
