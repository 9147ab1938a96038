#include "apps/papers/result_table.h"

#include <fmt/ranges.h>

#include <algorithm>

#include "apps/cli/terminal.h"
#include "apps/papers/zoo/zoo.h"
#include "core/error.h"
#include "core/statistics.h"

namespace gradus {
namespace {

constexpr size_t kMostColumns = 5;

bool is_share(const std::string& metric) {
  return metric.ends_with("accuracy") || metric.ends_with("error_rate");
}

// What the claims are about, then what every training run reports.
std::vector<std::string> shown_metrics(const Record& record) {
  std::vector<std::string> names;
  const auto add = [&](const std::string& name) {
    const bool there = std::any_of(record.arms.begin(), record.arms.end(), [&](const ArmRecord& a) {
      return std::any_of(a.outcomes.begin(), a.outcomes.end(),
                         [&](const Outcome& o) { return o.metrics.contains(name); });
    });
    if (there && names.size() < kMostColumns && std::find(names.begin(), names.end(), name) == names.end())
      names.push_back(name);
  };
  for (const ClaimRecord& c : record.claims) add(c.metric);
  for (const char* name : {"test_accuracy", "test_loss", "train_loss"}) add(name);
  for (const ArmRecord& a : record.arms)
    for (const Outcome& o : a.outcomes)
      if (names.empty())
        for (const auto& metric : o.metrics) add(metric.first);
  return names;
}

std::string figure(const ArmRecord& arm, const std::string& metric) {
  std::vector<double> values;
  for (const Outcome& o : arm.outcomes)
    if (const auto found = o.metrics.find(metric); found != o.metrics.end() && !o.diverged)
      values.push_back(found->second);
  if (values.empty()) return "-";
  const double mean = mean_of(values), deviation = deviation_of(values);
  return is_share(metric) ? fmt::format("{:.2f} % +- {:.2f}", 100 * mean, 100 * deviation)
                          : fmt::format("{:.5g} +- {:.2g}", mean, deviation);
}

std::string chosen_text(const ArmRecord& arm) {
  std::vector<std::string> parts;
  for (const auto& [key, value] : arm.chosen) parts.push_back(key + "=" + value);
  return parts.empty() ? "-" : fmt::format("{}", fmt::join(parts, " "));
}

std::string arms_table(const Record& record) {
  const std::vector<std::string> metrics = shown_metrics(record);
  std::vector<std::vector<std::string>> rows = {{"arm", "chosen"}};
  rows[0].insert(rows[0].end(), metrics.begin(), metrics.end());
  rows[0].push_back("");
  for (const ArmRecord& arm : record.arms) {
    rows.push_back({arm.name, chosen_text(arm)});
    for (const std::string& metric : metrics) rows.back().push_back(figure(arm, metric));
    const auto diverged =
        std::count_if(arm.outcomes.begin(), arm.outcomes.end(), [](const Outcome& o) { return o.diverged; });
    rows.back().push_back(diverged ? fmt::format("diverged {} of {}", diverged, arm.outcomes.size()) : "");
  }
  return columns(rows);
}

std::string margin_text(const ClaimRecord& c) {
  const bool bound = c.kind.starts_with("at ") || c.kind == "ratio" || c.kind == "rate";
  return is_share(c.metric) ? fmt::format("{:.4g} %{}", 100 * c.margin, bound ? "" : " points")
                            : brief(c.margin);
}

std::string claims_table(const Record& record) {
  std::vector<std::vector<std::string>> rows = {
      {"claim", "kind", "margin", "estimate [90 %]", "p", "verdict"}};
  for (const ClaimRecord& c : record.claims)
    rows.push_back({c.text, c.kind, margin_text(c), estimate_text(c), fmt::format("{:.2g}", c.p),
                    std::string(verdict_name(c.verdict)) + (c.central ? "" : " (only reported)")});
  return columns(rows);
}

}  // namespace

std::string estimate_text(const ClaimRecord& c) {
  const bool share = is_share(c.metric) && c.kind != "ratio" && c.kind != "rate";
  const double factor = share ? 100 : 1;
  const bool difference = c.arms.size() > 1 && c.kind != "ratio";
  const auto text = [&](double v) {
    return difference ? fmt::format("{:+.4g}", factor * v) : fmt::format("{:.4g}", factor * v);
  };
  return fmt::format("{}{} [{}, {}]", text(c.estimate), share ? " %" : "", text(c.low), text(c.high));
}

std::string result_text(const Record& record) {
  if (record.slug == zoo().slug)  // its arms and claims are too many to be read
    return zoo_text(record) +
           fmt::format("{}: {} seeds, {:.1f} minutes\n", record.slug, record.seeds.size(), record.minutes);
  std::string text = arms_table(record) + "\n" + claims_table(record) + "\n";
  for (const ArmRecord& arm : record.arms) {
    if (!arm.untuned.empty()) text += fmt::format("{}: not tuned: {}\n", arm.name, arm.untuned);
    for (const std::string& warning : arm.warnings) text += fmt::format("{}: {}\n", arm.name, warning);
  }
  return text + fmt::format("{}: {}; {} seeds{}, {:.1f} minutes\n", record.slug, verdict_name(record.verdict),
                            record.seeds.size(), record.quick ? " of a smoke run, which shows nothing" : "",
                            record.minutes);
}

}  // namespace gradus
