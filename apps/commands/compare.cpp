// gradus compare: training runs beside each other: what differs in their settings, and what came of it.
#include <algorithm>
#include <set>

#include "apps/cli/commands.h"
#include "apps/cli/flags.h"
#include "apps/cli/output.h"
#include "apps/cli/program.h"
#include "apps/cli/terminal.h"
#include "apps/commands/run_page.h"
#include "core/atomic_file.h"

namespace gradus {
namespace {

struct CompareOptions {
  std::string html;
  bool json = false;

  void visit(auto&& f) {
    f("html", html, "also write a page with the curves over each other to this file");
    f("json", json, "print the result as one JSON object");
  }
};

struct Compared {
  std::vector<RunSummary> runs;
  std::vector<std::pair<std::string, std::string>> damaged;  // path, what is wrong
  std::vector<DifferingSetting> differing;
  std::vector<std::string> notes;
};

using TextTable = std::vector<std::vector<std::string>>;

Compared gather(const std::vector<std::string>& paths) {
  Compared c;
  for (const std::string& path : paths) try {
      c.runs.push_back(summarize(path));
    } catch (const Error& e) {
      c.damaged.emplace_back(path, e.what());
    }
  c.differing = differing_settings(c.runs);
  std::set<std::string> sets;
  for (const RunSummary& r : c.runs) sets.insert(r.config.data);
  if (sets.size() > 1)
    c.notes.push_back("the runs are on different data (" + fmt::format("{}", fmt::join(sets, "; ")) +
                      "): their scores cannot be compared");
  return c;
}

// What all runs have in common of what a reader asks first.
TextTable common_settings(const Compared& c) {
  TextTable rows;
  if (c.runs.empty()) return rows;
  const TrainConfig& config = c.runs[0].config;
  const std::vector<std::pair<std::string, std::string>> all = {
      {"data", config.data}, {"model", config.model}, {"optim", config.optim}, {"schedule", config.schedule}};
  for (const auto& [key, value] : all) {
    const bool differs = std::any_of(c.differing.begin(), c.differing.end(),
                                     [&, k = key](const auto& d) { return d.key == k; });
    if (!differs) rows.push_back({key, value});
  }
  return rows;
}

// The first row names the columns.
TextTable score_table(const Compared& c) {
  TextTable rows = {{"run"}};
  for (const auto& d : c.differing) rows[0].push_back(d.key);
  const bool accuracy =
      std::any_of(c.runs.begin(), c.runs.end(), [](const RunSummary& r) { return r.by_accuracy; });
  for (const char* name : {"at step", "epoch", "train loss", "test loss"}) rows[0].push_back(name);
  if (accuracy) rows[0].push_back("test accuracy");
  for (const char* name : {"best", "time", "state"}) rows[0].push_back(name);
  for (size_t i = 0; i < c.runs.size(); ++i) {
    const RunSummary& r = c.runs[i];
    const MetricsRow last = r.last.value_or(MetricsRow{.epoch = std::nan("")});
    std::vector<std::string> row = {r.path};
    for (const auto& d : c.differing) row.push_back(d.values[i]);
    for (const std::string& text :
         {fmt::format("{}", last.step), brief(last.epoch), brief(last.train_loss), brief(last.test_loss)})
      row.push_back(text);
    if (accuracy) row.push_back(percent(last.test_accuracy));
    for (const std::string& text :
         {best_text(r), clock_text(last.seconds), std::string(r.finished ? "finished" : "not finished")})
      row.push_back(text);
    rows.push_back(row);
  }
  return rows;
}

nlohmann::ordered_json row_json(const std::optional<MetricsRow>& row) {
  if (!row) return nullptr;
  return {{"step", row->step},
          {"epoch", row->epoch},
          {"train_loss", row->train_loss},
          {"test_loss", row->test_loss},
          {"test_accuracy", row->test_accuracy},
          {"validation_loss", row->validation_loss},
          {"validation_accuracy", row->validation_accuracy}};
}

nlohmann::ordered_json compared_json(const Compared& c) {
  nlohmann::ordered_json json = {{"differing", nlohmann::ordered_json::array()},
                                 {"runs", nlohmann::ordered_json::array()}};
  for (const auto& d : c.differing) json["differing"].push_back(d.key);
  for (size_t i = 0; i < c.runs.size(); ++i) {
    const RunSummary& r = c.runs[i];
    nlohmann::ordered_json settings = nlohmann::ordered_json::object();
    const auto config = config_json(r.config);
    for (const auto& d : c.differing) settings[d.key] = config.at(d.key);
    json["runs"].push_back(
        {{"run", r.path},
         {"data", r.config.data},
         {"model", r.config.model},
         {"settings", settings},
         {"final", row_json(r.last)},
         {"best", row_json(r.best)},
         {"best_by", (r.validated ? "validation_" : "test_") + r.metric},
         {"seconds", r.last ? nlohmann::ordered_json(r.last->seconds) : nlohmann::ordered_json()},
         {"finished", r.finished}});
  }
  if (!c.notes.empty()) json["notes"] = c.notes;
  if (!c.damaged.empty()) json["damaged"] = nlohmann::ordered_json::array();
  for (const auto& [path, what] : c.damaged) json["damaged"].push_back({{"run", path}, {"error", what}});
  return json;
}

void write_page(const std::string& path, const Compared& c) {
  Html body;
  for (const std::string& note : c.notes) body += html::note(html::text(note));
  for (const auto& [run, what] : c.damaged) body += html::note(html::text(what));
  std::vector<std::pair<std::string, std::string>> common;
  for (const auto& row : common_settings(c)) common.emplace_back(row[0], row[1]);
  if (!common.empty()) body += html::table_of(common, "the same in all");
  const TextTable scores = score_table(c);
  html::Table t;
  for (size_t i = 0; i < scores.size(); ++i) {
    std::vector<html::Cell> row;
    for (size_t k = 0; k < scores[i].size(); ++k) {
      html::Cell cell = html::cell(scores[i][k]);
      cell.number = k > c.differing.size() && k + 3 < scores[i].size();
      cell.head = k == 0;
      row.push_back(cell);
    }
    if (i == 0)
      t.head = row;
    else
      t.rows.push_back(row);
  }
  body += html::heading(2, "Scores", "scores") + html::table(t);
  body += html::heading(2, "Curves", "curves") + compared_plots(c.runs);
  body += html::heading(2, "Commands", "commands");
  for (const RunSummary& r : c.runs)
    body += html::paragraph(html::code(r.path)) + html::preformatted(train_line(r.config), true);
  write_file(path, html::page(fmt::format("{} training runs", c.runs.size()), body));
}

int compare(const std::vector<std::string>& paths, const CompareOptions& options) {
  const Compared c = gather(paths);
  if (!options.html.empty() && !c.runs.empty()) write_page(options.html, c);
  if (options.json) {
    print_json(compared_json(c));
  } else if (!c.runs.empty()) {
    const TextTable common = common_settings(c);
    if (!common.empty()) print(columns(common) + "\n");
    print(columns(score_table(c)));
  }
  for (const std::string& note : c.notes) fmt::print(stderr, "gradus: {}\n", note);
  for (const auto& [path, what] : c.damaged) fmt::print(stderr, "gradus: {}\n", what);
  return c.damaged.empty() ? kOk : kBadData;
}

}  // namespace

void add_compare(CLI::App& app, Action& action) {
  CLI::App* sub =
      app.add_subcommand("compare", "training runs beside each other: settings that differ, scores, time");
  auto given = std::make_shared<OptionList>();
  auto runs = std::make_shared<std::vector<std::string>>();
  sub->add_option("RUN", *runs, "directories of runs")->required()->type_name("");
  add_flags<CompareOptions>(*sub, given);
  sub->callback([=, &action] {
    action = [=] {
      CompareOptions options;
      assign(options, *given);
      return compare(*runs, options);
    };
  });
}

}  // namespace gradus
