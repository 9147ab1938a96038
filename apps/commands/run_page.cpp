#include "apps/commands/run_page.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "apps/cli/terminal.h"
#include "apps/report/plot.h"
#include "apps/train/scores.h"
#include "core/options.h"

namespace gradus {
namespace {

using Column = double MetricsRow::*;

// One column of the metrics over steps, or over epochs.
Series column(const RunSummary& run, const std::string& name, Column y, bool epochs, double scale = 1) {
  Series s{.name = name};
  for (const MetricsRow& row : run.rows) {
    s.x.push_back(epochs ? row.epoch : static_cast<double>(row.step));
    s.y.push_back(scale * (row.*y));
  }
  const bool a_loss = y == &MetricsRow::train_loss || y == &MetricsRow::test_loss;
  if (a_loss && !s.y.empty() && !std::isfinite(s.y.back()))
    s.diverged.push_back({s.x.back(), fmt::format("not finite at step {}", run.rows.back().step)});
  return s;
}

bool has_values(const Series& s) {
  return std::any_of(s.y.begin(), s.y.end(), [](double v) { return std::isfinite(v); });
}

// Adds the plot, unless no series has a value; those that have none are named in the legend.
void add_plot(std::vector<std::string>& plots, const std::string& id, LinePlot plot,
              bool log_if_wide = false) {
  if (std::none_of(plot.series.begin(), plot.series.end(), has_values)) return;
  std::vector<double> all;
  for (const Series& s : plot.series) all.insert(all.end(), s.y.begin(), s.y.end());
  plot.y.log = plot.y.log || (log_if_wide && wide_range(all));
  plots.push_back(svg(plot, {.id = id, .standalone = false}));
}

// What a run is called among others: its path, without what all have in front.
std::vector<std::string> short_names(const std::vector<RunSummary>& runs) {
  std::string common = runs.empty() ? "" : runs[0].path;
  for (const RunSummary& r : runs)
    common.resize(static_cast<size_t>(
        std::mismatch(common.begin(), common.end(), r.path.begin(), r.path.end()).first - common.begin()));
  const size_t cut = runs.size() < 2 || common.find('/') == std::string::npos ? 0 : common.rfind('/') + 1;
  std::vector<std::string> names;
  for (const RunSummary& r : runs) names.push_back(r.path.substr(cut));
  return names;
}

}  // namespace

std::string best_text(const RunSummary& run) {
  if (!run.best) return "-";
  const MetricsRow& best = *run.best;
  std::string score = run.by_accuracy ? percent(best.test_accuracy) : "loss " + brief(best.test_loss);
  if (run.metric != (run.by_accuracy ? "accuracy" : "loss"))
    for (const Metric& m : metrics())
      if (m.name == run.metric) score += fmt::format(" ({} {})", m.name, m.text(best.score));
  return fmt::format("{}, at step {}{}", score, best.step, run.validated ? " (best by validation)" : "");
}

std::string length_text(const RunSummary& run) {
  const MetricsRow last = run.last.value_or(MetricsRow{});
  if (run.finished) return fmt::format("{} steps, {} epochs", last.step, brief(last.epoch));
  if (run.config.steps) return fmt::format("{} of {} steps", last.step, *run.config.steps);
  return fmt::format("{} of {} epochs, step {}", brief(last.epoch), run.config.epochs.value_or(5), last.step);
}

std::vector<std::string> run_plots(const RunSummary& run, const std::vector<GradNormRow>& norms) {
  std::vector<std::string> plots;
  std::vector<Series> losses = {column(run, "training", &MetricsRow::train_loss, false),
                                column(run, "test", &MetricsRow::test_loss, false)},
                      accuracies = {column(run, "training", &MetricsRow::train_accuracy, false, 100),
                                    column(run, "test", &MetricsRow::test_accuracy, false, 100)};
  if (run.validated) {
    losses.push_back(column(run, "validation", &MetricsRow::validation_loss, false));
    accuracies.push_back(column(run, "validation", &MetricsRow::validation_accuracy, false, 100));
  }
  const AxisSpec step{.label = "step", .whole = true};
  add_plot(plots, "loss", {.title = "Loss", .x = step, .y = {.label = "loss"}, .series = losses}, true);
  add_plot(plots, "accuracy", {.title = "Accuracy", .x = step, .y = {.label = "%"}, .series = accuracies});
  add_plot(plots, "lr",
           {.title = "Step size",
            .x = step,
            .y = {.label = "lr"},
            .series = {column(run, "", &MetricsRow::lr, false)}});
  Series l1{.name = "L1"}, l2{.name = "L2"};
  for (const GradNormRow& row : norms) {
    l1.x.push_back(row.step), l1.y.push_back(row.l1);
    l2.x.push_back(row.step), l2.y.push_back(row.l2);
  }
  add_plot(plots, "norms",
           {.title = "Norm of the batch's gradient",
            .x = step,
            .y = {.label = "norm", .log = true},
            .series = {l1, l2}});
  return plots;
}

Html compared_plots(const std::vector<RunSummary>& runs) {
  const std::vector<std::string> names = short_names(runs);
  // Steps of different sizes are compared by what they have seen.
  const bool epochs = std::any_of(runs.begin(), runs.end(), [&](const RunSummary& r) {
    return r.config.batch_size.adaptive() ||
           r.config.batch_size * r.config.accumulate != runs[0].config.batch_size * runs[0].config.accumulate;
  });
  const AxisSpec x{.label = epochs ? "epoch" : "step", .whole = !epochs};
  std::vector<std::string> sets;
  for (const RunSummary& r : runs)
    if (std::find(sets.begin(), sets.end(), r.config.data) == sets.end()) sets.push_back(r.config.data);
  Html out;
  for (size_t set = 0; set < sets.size(); ++set) {
    const auto lines = [&](Column y, double scale) {
      std::vector<Series> all;
      for (size_t i = 0; i < runs.size(); ++i)
        if (runs[i].config.data == sets[set]) all.push_back(column(runs[i], names[i], y, epochs, scale));
      return all;
    };
    const auto id = [&](const char* what) { return fmt::format("{}-{}", what, set); };
    std::vector<std::string> plots;
    add_plot(
        plots, id("test-loss"),
        {.title = "Test loss", .x = x, .y = {.label = "loss"}, .series = lines(&MetricsRow::test_loss, 1)},
        true);
    add_plot(plots, id("test-accuracy"),
             {.title = "Test accuracy",
              .x = x,
              .y = {.label = "%"},
              .series = lines(&MetricsRow::test_accuracy, 100)});
    add_plot(plots, id("train-loss"),
             {.title = "Training loss",
              .x = x,
              .y = {.label = "loss"},
              .series = lines(&MetricsRow::train_loss, 1)},
             true);
    add_plot(plots, id("lr"),
             {.title = "Step size", .x = x, .y = {.label = "lr"}, .series = lines(&MetricsRow::lr, 1)});
    if (sets.size() > 1) out += html::heading(3, sets[set]);
    out += plots.empty() ? html::note(html::text("None of these runs has been evaluated yet."))
                         : html::figures(plots);
  }
  return out;
}

Html settings_section(const TrainConfig& config) {
  std::vector<std::pair<std::string, std::string>> chosen, others;
  std::set<std::string> changed;
  for (const auto& [key, text] : changed_settings(config)) {
    chosen.emplace_back(key, text);
    changed.insert(key);
  }
  for (const auto& [key, text] : option_list(config))
    if (!changed.contains(key)) others.emplace_back(key, text.empty() ? "none" : text);
  Html out = html::preformatted(train_line(config), true);
  if (!chosen.empty()) out += html::table_of(chosen, "set for this run");
  return out + html::details("all other settings, at their defaults", html::table_of(others));
}

}  // namespace gradus
