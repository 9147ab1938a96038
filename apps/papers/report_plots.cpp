#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "apps/papers/report_sections.h"
#include "apps/papers/report_text.h"
#include "apps/report/markup.h"
#include "apps/report/plot.h"
#include "apps/report/seed_band.h"

namespace gradus {
namespace {

std::string bars_of(const Record& record, const std::string& metric, const std::string& id) {
  const double scale = shown_in_percent(metric) ? 100 : 1;
  BarPlot plot{.title = spoken(metric), .value = {.label = shown_in_percent(metric) ? "%" : ""}};
  for (size_t i = 0; i < record.arms.size(); ++i) {
    const ArmRecord& arm = record.arms[i];
    std::vector<double> values = metric_values(arm, metric);
    if (std::none_of(values.begin(), values.end(), [](double v) { return std::isfinite(v); }) &&
        diverged_text(arm).empty())
      continue;  // this metric is none of this arm's
    for (double& v : values) v *= scale;
    const Spread s = spread_of(values);
    plot.bars.push_back({.name = arm.name,
                         .value = s.mean,
                         .deviation = s.count > 1 ? s.deviation : 0,
                         .points = values,
                         .colour = static_cast<int>(i),
                         .note = diverged_text(arm)});
  }
  return svg(plot, {.id = id, .standalone = false});
}

std::string curves_of(const Record& record, const std::string& name, const std::string& id) {
  const double scale = shown_in_percent(name) ? 100 : 1;
  LinePlot plot{.title = spoken(name), .y = {.label = shown_in_percent(name) ? "%" : spoken(name)}};
  std::vector<double> all;
  for (const ArmRecord& arm : record.arms) {
    std::vector<SeedCurve> curves;
    std::vector<Divergence> diverged;
    for (size_t i = 0; i < arm.outcomes.size(); ++i) {
      const Outcome& o = arm.outcomes[i];
      const auto found = o.curves.find(name);
      if (found == o.curves.end()) continue;
      plot.x.label = found->second.x_label;
      plot.x.whole = plot.x.label == "step" || plot.x.label == "round";
      SeedCurve curve{found->second.x, found->second.y};
      for (double& y : curve.y) y *= scale;
      if (o.diverged)
        diverged.push_back({curve.x.empty() ? 0 : curve.x.back(),
                            fmt::format("seed {}: {}", i < arm.seeds.size() ? arm.seeds[i] : 0,
                                        o.note.empty() ? "diverged" : o.note)});
      curves.push_back(std::move(curve));
    }
    Series s = seed_band(arm.name, curves);
    s.diverged = diverged;
    all.insert(all.end(), s.y.begin(), s.y.end());
    // Arms keep their colours from plot to plot, also where one has no such curve.
    plot.series.push_back(std::move(s));
  }
  if (std::none_of(all.begin(), all.end(), [](double v) { return std::isfinite(v); })) return "";
  plot.y.log = !shown_in_percent(name) && wide_range(all);
  return svg(plot, {.id = id, .standalone = false});
}

}  // namespace

Html record_plots(const Record& record, const std::string& slug) {
  constexpr size_t kMostCurves = 6;
  std::vector<std::string> plots;
  for (const std::string& metric : claimed_metrics(record))
    plots.push_back(bars_of(record, metric, fmt::format("{}-bar-{}", slug, anchor_name(metric))));
  std::set<std::string> names;
  for (const ArmRecord& a : record.arms)
    for (const Outcome& o : a.outcomes)
      for (const auto& [name, curve] : o.curves) names.insert(name);
  size_t curves = 0;
  for (const std::string& name : names) {
    if (curves == kMostCurves) break;
    const std::string drawn = curves_of(record, name, fmt::format("{}-curve-{}", slug, anchor_name(name)));
    if (drawn.empty()) continue;
    plots.push_back(drawn);
    ++curves;
  }
  return plots.empty()
             ? Html()
             : html::figures(plots,
                             "Bars: mean over seeds with one standard deviation, small marks the seeds. "
                             "Curves: mean with a band of one standard deviation.");
}

}  // namespace gradus
