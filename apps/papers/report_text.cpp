#include "apps/papers/report_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "apps/report/seed_band.h"

namespace gradus {
namespace {

constexpr double kPercent = 100;

}  // namespace

bool shown_in_percent(const std::string& metric) {
  return metric.ends_with("accuracy") || metric.ends_with("error_rate");
}

std::string spoken(std::string name) {
  std::replace(name.begin(), name.end(), '_', ' ');
  return name;
}

std::vector<double> metric_values(const ArmRecord& arm, const std::string& metric) {
  std::vector<double> values;
  for (const Outcome& o : arm.outcomes) {
    const auto found = o.metrics.find(metric);
    values.push_back(found == o.metrics.end() ? std::nan("") : found->second);
  }
  return values;
}

std::string metric_text(const std::string& metric, const std::vector<double>& values) {
  const Spread s = spread_of(values);
  if (s.count == 0) return "–";
  if (shown_in_percent(metric))
    return s.count > 1 ? fmt::format("{:.2f} ± {:.2f} %", kPercent * s.mean, kPercent * s.deviation)
                       : fmt::format("{:.2f} %", kPercent * s.mean);
  return s.count > 1 ? fmt::format("{:.4g} ± {:.2g}", s.mean, s.deviation) : fmt::format("{:.4g}", s.mean);
}

std::string metric_text(const std::string& metric, double value, bool difference) {
  if (std::isnan(value)) return "–";
  if (shown_in_percent(metric))
    return difference ? fmt::format("{:+.2f} points", kPercent * value)
                      : fmt::format("{:.2f} %", kPercent * value);
  return difference ? fmt::format("{:+.4g}", value) : fmt::format("{:.4g}", value);
}

std::vector<std::string> claimed_metrics(const Record& record) {
  std::vector<std::string> names;
  for (const ClaimRecord& c : record.claims)
    if (std::find(names.begin(), names.end(), c.metric) == names.end()) names.push_back(c.metric);
  return names;
}

std::string diverged_text(const ArmRecord& arm) {
  const auto n =
      std::count_if(arm.outcomes.begin(), arm.outcomes.end(), [](const Outcome& o) { return o.diverged; });
  return n ? fmt::format("{} of {} diverged", n, arm.outcomes.size()) : "";
}

Html verdict_mark(Verdict verdict) {
  const auto [css, sign] = verdict == Verdict::kShown      ? std::pair("good", "✓")
                           : verdict == Verdict::kNotShown ? std::pair("bad", "✗")
                                                           : std::pair("flat", "≈");
  return Html::trusted(
      fmt::format("<span class=\"verdict {}\">{} {}</span>", css, sign, verdict_name(verdict)));
}

}  // namespace gradus
