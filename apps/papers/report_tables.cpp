#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "apps/papers/report_sections.h"
#include "apps/papers/report_text.h"
#include "apps/report/seed_band.h"

namespace gradus {
namespace {

std::string plain_figure(double v) { return std::isnan(v) ? "–" : fmt::format("{:.4g}", v); }

std::string p_text(double p) {
  return std::isnan(p) ? "–" : p < 0.001 ? "< 0.001" : fmt::format("{:.3f}", p);
}

const ArmRecord* find_arm(const Record& record, const std::string& name) {
  for (const ArmRecord& a : record.arms)
    if (a.name == name) return &a;
  return nullptr;
}

std::string options_text(const std::map<std::string, std::string>& options) {
  std::string text;
  for (const auto& [key, value] : options) text += (text.empty() ? "" : ", ") + key + " = " + value;
  return text;
}

std::string json_text(const nlohmann::ordered_json& v) {
  return v.is_string() ? v.get<std::string>() : v.is_null() ? "none" : v.dump();
}

}  // namespace

Html claim_table(const Record& record) {
  html::Table t{.head = {html::cell("claim"), html::number("mean ± deviation"), html::number("tested"),
                         html::number("90 % interval"), html::number("p"), html::cell("verdict")}};
  for (const ClaimRecord& c : record.claims) {
    Html figures;
    for (const std::string& name : c.arms) {
      const ArmRecord* arm = find_arm(record, name);
      const std::string said = arm ? metric_text(c.metric, metric_values(*arm, c.metric)) : "–";
      figures += (figures.empty() ? Html() : Html::trusted("<br />")) + html::text(name + ": " + said);
    }
    // Bounds test a mean, ratios and rates a number without unit, all else a difference.
    const bool unitless =
        c.kind.find("ratio") != std::string::npos || c.kind.find("rate") != std::string::npos;
    const bool bound = c.arms.size() == 1;
    const auto value = [&](double v) {
      return unitless ? plain_figure(v) : metric_text(c.metric, v, !bound);
    };
    const std::string margin =
        unitless || bound ? "bound " + value(c.margin) : "margin " + metric_text(c.metric, c.margin);
    t.rows.push_back({html::row_head(html::text(c.text) + Html::trusted("<br />") +
                                     html::soft(fmt::format("{}, {}; {}{}", spoken(c.metric), c.kind, margin,
                                                            c.central ? "" : "; reported only"))),
                      {.content = figures, .number = true},
                      html::number(value(c.estimate)),
                      html::number(fmt::format("{} to {}", value(c.low), value(c.high))),
                      html::number(p_text(c.p)),
                      {verdict_mark(c.verdict)}});
  }
  return html::table(t);
}

Html arm_table(const Record& record) {
  std::vector<std::string> metrics = claimed_metrics(record);
  for (const ArmRecord& a : record.arms)
    for (const Outcome& o : a.outcomes)
      for (const auto& [name, value] : o.metrics)
        if (std::find(metrics.begin(), metrics.end(), name) == metrics.end()) metrics.push_back(name);
  const bool settings = std::any_of(record.arms.begin(), record.arms.end(),
                                    [](const ArmRecord& a) { return !a.setting.empty(); });
  html::Table t{.head = {html::cell("arm")}};
  if (settings) t.head.push_back(html::cell("setting"));
  t.head.push_back(html::cell("chosen"));
  for (const std::string& m : metrics) t.head.push_back(html::number(spoken(m)));
  t.head.push_back(html::number("seconds a run"));
  t.head.push_back(html::cell(""));
  for (const ArmRecord& a : record.arms) {
    std::vector<html::Cell> row = {html::row_head(html::text(a.name))};
    if (settings) row.push_back(html::cell(a.setting));
    row.push_back(html::cell(a.chosen.empty() ? (a.untuned.empty() ? "–" : "untuned: " + a.untuned)
                                              : options_text(a.chosen)));
    for (const std::string& m : metrics) row.push_back(html::number(metric_text(m, metric_values(a, m))));
    std::vector<double> seconds;
    for (const Outcome& o : a.outcomes) seconds.push_back(o.seconds);
    row.push_back(html::number(fmt::format("{:.1f}", spread_of(seconds).mean)));
    row.push_back(html::cell(diverged_text(a)));
    t.rows.push_back(row);
  }
  Html notes;
  for (const ArmRecord& a : record.arms)
    for (const std::string& w : a.warnings) notes += html::note(html::text(a.name + ": " + w));
  return html::table(t) + notes;
}

Html tuning_table(const Record& record) {
  html::Table t{.head = {html::cell("arm"), html::cell("options"), html::number("score"), html::cell("")}};
  for (const ArmRecord& a : record.arms)
    for (const TrialRecord& trial : a.trials)
      t.rows.push_back({html::row_head(html::text(a.name)), html::cell(options_text(trial.options)),
                        html::number(trial.diverged ? "diverged" : metric_text(a.tuned_for, trial.score)),
                        html::cell(trial.options == a.chosen ? "chosen" : "")});
  if (t.rows.empty()) return {};
  for (const ArmRecord& a : record.arms)
    if (!a.tuned_for.empty()) {
      t.caption = spoken(a.tuned_for) + " of every trial, on data that the final scores are not taken from";
      break;
    }
  return html::details("Tuning", html::table(t));
}

Html settings_table(const Record& record) {
  std::vector<std::string> keys;
  for (const ArmRecord& a : record.arms)
    for (const auto& [key, value] : a.config.items())
      if (std::find(keys.begin(), keys.end(), key) == keys.end()) keys.push_back(key);
  const auto value_of = [](const ArmRecord& a, const std::string& key) {
    return a.config.contains(key) ? json_text(a.config.at(key)) : std::string("–");
  };
  html::Table t{.head = {html::cell("setting"), html::cell("arm"), html::cell("value")}};
  for (const std::string& key : keys) {
    const std::string first = value_of(record.arms[0], key);
    const bool same = std::all_of(record.arms.begin(), record.arms.end(),
                                  [&](const ArmRecord& a) { return value_of(a, key) == first; });
    if (same)
      t.rows.push_back(
          {html::row_head(html::text(key)), html::cell("all"), {html::code(first.empty() ? "none" : first)}});
    if (!same)
      for (const ArmRecord& a : record.arms)
        t.rows.push_back(
            {html::row_head(html::text(key)), html::cell(a.name), {html::code(value_of(a, key))}});
  }
  Html out = t.rows.empty() ? Html() : html::table(t);
  for (const ArmRecord& a : record.arms)
    if (!a.command.empty()) out += html::paragraph(html::text(a.name)) + html::preformatted(a.command, true);
  return out.empty() ? out : html::details("Settings", out);
}

}  // namespace gradus
