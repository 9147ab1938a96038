// gradus sweep: trains with every combination of some settings, or random ones, and says which were best.
#include "apps/sweep/sweep.h"

#include <algorithm>
#include <cmath>
#include <filesystem>

#include "apps/cli/commands.h"
#include "apps/cli/flags.h"
#include "apps/cli/output.h"
#include "apps/cli/program.h"
#include "apps/cli/terminal.h"
#include "apps/cli/thread_count.h"
#include "apps/report/page.h"
#include "apps/report/plot.h"
#include "apps/train/interrupt.h"
#include "apps/train/progress.h"
#include "apps/train/run_summary.h"
#include "apps/train/scores.h"
#include "core/atomic_file.h"
#include "core/json_file.h"
#include "core/number_text.h"
#include "core/threads.h"

namespace gradus {
namespace {

struct SweepCall {
  std::string out = "sweeps/sweep", resume, budget;
  int64 seeds = 1, sweep_seed = 0;
  std::optional<int64> random, halving;
  int jobs = 1;
  bool json = false, quiet = false;

  void visit(auto&& f) {
    f("out", out, "the folder of the sweep, with a run directory for each trial and seed");
    f("resume", resume, "go on with the sweep in this folder; its settings are its own");
    f("seeds", seeds, "runs of each trial, with seeds from --seed on", at_least(1));
    f("random", random, "so many random trials instead of all combinations", at_least(1));
    f("sweep_seed", sweep_seed, "of the random trials", at_least(0));
    f("halving", halving, "successive halving: after a part of the length the best 1/N of the trials go on",
      at_least(2));
    f("budget", budget, "stop after this time, 90s, 30m or 1.5h; --resume goes on");
    f("jobs", jobs, "runs at once, each in a process of its own with its share of the threads", at_least(1));
    f("json", json, "print the result as one JSON object");
    f("quiet", quiet, "no progress on stderr");
  }
};

std::string metric_text(const std::string& metric, double v) {
  for (const Metric& m : metrics())
    if (metric == m.name) return m.text(v);
  return brief(v);
}

std::string scores_text(const SweepResult& r, const std::string& metric) {
  if (r.scores.empty()) return "-";
  return r.scores.size() == 1
             ? metric_text(metric, r.mean)
             : fmt::format("{} ± {}", metric_text(metric, r.mean), metric_text(metric, r.deviation));
}

std::vector<std::string> result_row(const SweepResult& r, const SweepPlan& plan, const std::string& metric) {
  std::vector<std::string> row = {fmt::format("{}", r.trial + 1)};
  for (const std::string& v : plan.trials[r.trial].values) row.push_back(v);
  for (const std::string& text :
       {scores_text(r, metric), fmt::format("{:.0f}", r.steps), clock_text(r.seconds), r.state})
    row.push_back(text);
  return row;
}

std::vector<std::string> result_head(const SweepPlan& plan, const std::string& metric) {
  std::vector<std::string> head = {"trial"};
  for (const SweepAxis& a : plan.axes) head.push_back(a.name);
  for (const std::string& text : {metric.empty() ? std::string("score") : metric, std::string("steps"),
                                  std::string("time"), std::string("state")})
    head.push_back(text);
  return head;
}

// A plot for every axis of numbers, and the table.
std::string sweep_page(const SweepFolder& folder, const SweepPlan& plan,
                       const std::vector<SweepResult>& results, const std::string& metric) {
  std::vector<std::string> plots;
  for (size_t a = 0; a < plan.axes.size(); ++a) {
    Series points{.name = "trials", .kind = SeriesKind::kPoints};
    bool positive = true;
    for (const SweepResult& r : results) {
      const auto x = number_in(plan.trials[r.trial].values[a]);
      if (!x || std::isnan(r.mean)) continue;
      points.x.push_back(*x), points.y.push_back(r.mean);
      positive = positive && *x > 0;
    }
    if (points.x.size() < 2) continue;
    const auto [low, high] = std::minmax_element(points.x.begin(), points.x.end());
    const bool wide = positive && *high > 10 * *low;
    plots.push_back(svg(LinePlot{.title = metric + " against " + plan.axes[a].name,
                                 .x = {.label = plan.axes[a].name, .log = wide},
                                 .y = {.label = metric},
                                 .series = {points}},
                        {.id = fmt::format("axis-{}", a), .standalone = false}));
  }
  html::Table t;
  for (const std::string& name : result_head(plan, metric)) t.head.push_back(html::cell(name));
  for (const SweepResult& r : results) {
    std::vector<html::Cell> row;
    for (const std::string& text : result_row(r, plan, metric)) row.push_back(html::cell(text));
    t.rows.push_back(row);
  }
  Html body = html::heading(2, "Trials", "trials") + html::table(t);
  if (!plots.empty()) body += html::heading(2, "Scores", "scores") + html::figures(plots);
  if (!results.empty() && !results[0].scores.empty())
    body += html::heading(2, "The best", "best") +
            html::preformatted(train_line(plan.config(results[0].trial, 0)), true);
  return html::page("Sweep " + folder.path, body);
}

nlohmann::ordered_json sweep_json(const SweepFolder& folder, const SweepPlan& plan,
                                  const std::vector<SweepResult>& results, const std::string& metric,
                                  bool ended) {
  nlohmann::ordered_json json = {{"folder", folder.path}, {"metric", metric}, {"finished", ended}};
  auto& trials = json["trials"] = nlohmann::ordered_json::array();
  for (const SweepResult& r : results) {
    auto values = nlohmann::ordered_json::array();
    for (size_t a = 0; a < plan.axes.size(); ++a)
      values.push_back({{"name", plan.axes[a].name}, {"value", plan.trials[r.trial].values[a]}});
    trials.push_back({{"trial", r.trial + 1},
                      {"values", values},
                      {"mean", r.mean},
                      {"deviation", r.deviation},
                      {"scores", r.scores},
                      {"steps", r.steps},
                      {"seconds", r.seconds},
                      {"state", r.state}});
  }
  const bool any = !results.empty() && !results[0].scores.empty();
  json["best"] =
      any ? nlohmann::ordered_json(train_line(plan.config(results[0].trial, 0))) : nlohmann::ordered_json();
  json["report"] = folder.file("sweep.html");
  return json;
}

struct Prepared {
  SweepFolder folder;
  SweepPlan plan;
};

Prepared prepare_sweep(const SweepCall& call, const OptionList& given) {
  namespace fs = std::filesystem;
  if (!call.resume.empty()) {
    if (!given.empty())
      fail<UsageError>("{} cannot be changed on --resume: it would be another sweep",
                       flag_name(given[0].first));
    Prepared p{{call.resume}, {}};
    if (!fs::exists(p.folder.file("sweep.json")))
      fail<DataError>("{}: not a sweep: it has no sweep.json", call.resume);
    p.plan = plan_from(read_json(p.folder.file("sweep.json")), p.folder.file("sweep.json"));
    return p;
  }
  Prepared p{{call.out}, make_sweep(given, call.random, call.sweep_seed)};
  p.plan.seeds = call.seeds;
  p.plan.halving = call.halving.value_or(0);
  for (size_t t = 0; t < p.plan.trials.size(); ++t)
    p.plan.config(t, 0);  // complains now of what makes no sense
  if (fs::exists(p.folder.file("sweep.json")))
    fail<UsageError>("--out {0}: there is a sweep already; 'gradus sweep --resume {0}' goes on", call.out);
  std::error_code error;
  fs::create_directories(call.out, error);
  if (error) fail<DataError>("{}: cannot make the folder: {}", call.out, error.message());
  write_file(p.folder.file("sweep.json"), plan_json(p.plan).dump(2) + "\n");
  return p;
}

int sweep(const SweepCall& call, const OptionList& given) {
  SweepOptions options{.jobs = call.jobs, .stop = interrupted};
  if (!call.budget.empty()) options.budget = parse_duration(call.budget, "--budget");
  const InterruptScope signals;
  const auto [folder, plan] = prepare_sweep(call, given);
  use_threads(plan.config(0, 0).threads);
  Progress progress(call.quiet);
  options.say = [&](const std::string& line) { progress.message(line); };
  options.progress = [&](int64 done, int64 all) {
    const std::string text = fmt::format("{} of {} runs", done, all);
    progress.show("sweep ", " " + text,
                  static_cast<double>(done) / static_cast<double>(std::max<int64>(all, 1)), text);
  };
  const bool ended = run_sweep(folder, plan, options);
  progress.clear();
  std::string metric;
  larger_is_better(folder, plan, metric);
  const std::vector<SweepResult> results = sweep_results(folder, plan);
  write_file(folder.file("sweep.html"), sweep_page(folder, plan, results, metric));
  if (call.json) {
    print_json(sweep_json(folder, plan, results, metric, ended));
  } else {
    std::vector<std::vector<std::string>> rows = {result_head(plan, metric)};
    for (const SweepResult& r : results) rows.push_back(result_row(r, plan, metric));
    print(columns(rows));
    if (!results.empty() && !results[0].scores.empty())
      print(fmt::format("\nbest: {}\nreport: {}\n", train_line(plan.config(results[0].trial, 0)),
                        folder.file("sweep.html")));
  }
  if (!ended)
    note(fmt::format("gradus: {}; all is saved, 'gradus sweep --resume {}' goes on\n",
                     interrupted() ? "interrupted" : "the budget is spent", folder.path));
  return !ended && interrupted() ? kInterrupted : kOk;
}

}  // namespace

void add_sweep(CLI::App& app, Action& action) {
  CLI::App* sub = app.add_subcommand("sweep", "train with many settings: which are best");
  auto given = std::make_shared<OptionList>(), own = std::make_shared<OptionList>();
  add_flags<SweepCall>(*sub, own);
  add_flags<TrainConfig>(*sub, given);
  sub->footer(
      "The flags of 'train' take several values: LOW..HIGH/N (N of them, each the same factor above the one "
      "before) and\n"
      "{this|that}: gradus sweep --optim 'adamw:lr=1e-4..1e-2/5' --model 'mlp:act={relu|tanh}' --seeds 3. "
      "With --random N a\n"
      "range needs no count. Trials are compared by the best --metric of their runs on held-out examples.");
  sub->callback([=, &action] {
    action = [=] {
      SweepCall call;
      assign(call, *own);
      return sweep(call, *given);
    };
  });
}

}  // namespace gradus
