// gradus runs: a table of the training runs below a folder.
#include <algorithm>
#include <cmath>
#include <filesystem>

#include "apps/cli/commands.h"
#include "apps/cli/flags.h"
#include "apps/cli/output.h"
#include "apps/cli/program.h"
#include "apps/cli/terminal.h"
#include "apps/train/run_dir.h"
#include "apps/train/run_summary.h"
#include "apps/train/scores.h"
#include "core/byte_source.h"
#include "core/error.h"
#include "core/glob.h"
#include "core/number_text.h"

namespace gradus {
namespace {

namespace fs = std::filesystem;

struct RunsOptions {
  std::string sort = "run";
  bool reverse = false;
  std::vector<std::string> filter;
  std::optional<int64> limit;
  bool json = false;

  void visit(auto&& f) {
    f("sort", sort,
      "the column to sort by: names from a to z, scores from the best, times and losses from the least",
      choices({"run", "command", "data", "model", "optim", "seed", "steps", "score", "accuracy", "loss",
               "time", "state", "date"}));
    f("reverse", reverse, "the other way round");
    f("filter", filter,
      "only runs whose column is so: 'data=mnist*', 'score>0.9', 'state!=finished'; may be repeated");
    f("limit", limit, "only the first N", at_least(1));
    f("json", json, "print one JSON object");
  }
};

// A line of the table: words and numbers by the name of their column; numbers that there are not are NaN.
struct ListedRun {
  std::string run, command, data, model, optim, state, metric;
  double seed = std::nan(""), steps = seed, score = seed, accuracy = seed, loss = seed, time = seed,
         date = seed;

  std::string word(const std::string& column) const {
    for (const auto& [name, field] : words())
      if (column == name) return *field;
    return "";
  }
  double number(const std::string& column) const {
    for (const auto& [name, field] : numbers())
      if (column == name) return *field;
    return std::nan("");
  }
  std::vector<std::pair<const char*, const std::string*>> words() const {
    return {{"run", &run},     {"command", &command}, {"data", &data},    {"model", &model},
            {"optim", &optim}, {"state", &state},     {"metric", &metric}};
  }
  std::vector<std::pair<const char*, const double*>> numbers() const {
    return {{"seed", &seed}, {"steps", &steps}, {"score", &score}, {"accuracy", &accuracy},
            {"loss", &loss}, {"time", &time},   {"date", &date}};
  }
};

bool is_word_column(const std::string& column) {
  const ListedRun any;
  const auto words = any.words();
  return std::any_of(words.begin(), words.end(), [&](const auto& w) { return column == w.first; });
}

bool larger_is_better(const std::string& metric) {
  return std::any_of(metrics().begin(), metrics().end(),
                     [&](const Metric& m) { return metric == m.name && m.larger; });
}

ListedRun of_training(const RunSummary& s) {
  ListedRun r{.run = s.path,
              .command = "train",
              .data = s.config.data,
              .model = s.config.model,
              .optim = s.config.optim,
              .state = s.finished ? "finished" : "not finished",
              .metric = s.metric};
  r.seed = static_cast<double>(s.config.seed);
  if (s.last) r.steps = static_cast<double>(s.last->step), r.time = s.last->seconds;
  if (s.best) {
    r.accuracy = s.best->test_accuracy, r.loss = s.best->test_loss;
    r.score = std::isfinite(s.best->score) ? s.best->score : s.by_accuracy ? r.accuracy : r.loss;
  }
  return r;
}

// A run of another command: what its settings and its last row of metrics say.
ListedRun of_other(const RunDirectory& run, const nlohmann::json& settings) {
  const auto word = [&](const char* key) {
    const auto found = settings.find(key);
    return found != settings.end() && found->is_string() ? found->get<std::string>() : std::string();
  };
  ListedRun r{.run = run.path(),
              .command = word("command"),
              .data = word("data"),
              .model = word("model"),
              .optim = word("optim").empty() ? word("server") : word("optim")};
  r.state = fs::exists(run.file("model.safetensors")) ? "finished" : "not finished";
  if (settings.contains("seed") && settings["seed"].is_number()) r.seed = settings["seed"].get<double>();
  if (!fs::exists(run.file("metrics.jsonl"))) return r;
  const std::string text = read_text_file(run.file("metrics.jsonl"));
  for (size_t at = 0, end; (end = text.find('\n', at)) != std::string::npos; at = end + 1) {
    const auto row = nlohmann::json::parse(text.substr(at, end - at), nullptr, false);
    if (!row.is_object()) continue;
    const auto take = [&](const char* key, double& to) {
      if (const auto found = row.find(key); found != row.end() && found->is_number())
        to = found->get<double>();
    };
    take("round", r.steps), take("step", r.steps), take("test_accuracy", r.accuracy),
        take("test_loss", r.loss);
    take("seconds", r.time);
  }
  r.metric = std::isnan(r.accuracy) ? "loss" : "accuracy";
  r.score = std::isnan(r.accuracy) ? r.loss : r.accuracy;
  return r;
}

ListedRun listed(const std::string& path) {
  const RunDirectory run = RunDirectory::open(path);
  const nlohmann::json settings = run.settings();
  ListedRun r = settings.contains("command") ? of_other(run, settings) : of_training(summarize(path));
  std::error_code error;
  const auto written = fs::last_write_time(run.file("config.json"), error);
  if (!error)
    r.date =
        std::chrono::duration<double>(std::chrono::file_clock::to_sys(written).time_since_epoch()).count();
  return r;
}

// The run directories in and below a folder, by name. What lies in a run is part of it.
void find_runs(const fs::path& folder, int depth, std::vector<std::string>& found) {
  constexpr int kDeepest = 6;
  std::error_code error;
  if (fs::exists(folder / "config.json", error)) return found.push_back(folder.string());
  if (depth == kDeepest) return;
  std::vector<fs::path> below;
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error))
    if (std::error_code ignored;
        it->is_directory(ignored) && !it->path().filename().string().starts_with('.'))
      below.push_back(it->path());
  std::sort(below.begin(), below.end());
  for (const fs::path& path : below) find_runs(path, depth + 1, found);
}

// Whether a run passes "COLUMN=GLOB", "COLUMN!=GLOB", "COLUMN<X", "COLUMN>X" (also <=, >=).
std::function<bool(const ListedRun&)> parse_filter(const std::string& text) {
  const size_t at = text.find_first_of("=!<>");
  if (at == std::string::npos || at == 0)
    fail<UsageError>("--filter '{}': needs COLUMN=GLOB, COLUMN!=GLOB, COLUMN<X or COLUMN>X", text);
  const std::string column = text.substr(0, at);
  const bool two = at + 1 < text.size() && text[at + 1] == '=';
  const std::string sign = text.substr(at, two ? 2 : 1), value = text.substr(at + sign.size());
  const ListedRun any;
  std::vector<std::string> all;
  for (const auto& w : any.words()) all.push_back(w.first);
  for (const auto& n : any.numbers()) all.push_back(n.first);
  if (std::find(all.begin(), all.end(), column) == all.end())
    throw UsageError("--filter: " + unknown_name("column", column, all));
  if (sign == "!") fail<UsageError>("--filter '{}': expected != behind the column", text);
  if (is_word_column(column)) {
    if (sign != "=" && sign != "!=" && sign != "==")
      fail<UsageError>("--filter '{}': {} is a word, which is = or != a pattern", text, column);
    return [=](const ListedRun& r) { return glob_match(value, r.word(column)) == (sign != "!="); };
  }
  const auto number = number_in(value);
  if (!number)
    fail<UsageError>("--filter '{}': {} is compared with a number, not with '{}'", text, column, value);
  return [=, limit = *number](const ListedRun& r) {
    const double v = r.number(column);
    return sign == "<"    ? v < limit
           : sign == "<=" ? v <= limit
           : sign == ">"  ? v > limit
           : sign == ">=" ? v >= limit
           : sign == "!=" ? v != limit
                          : v == limit;
  };
}

void sort_runs(std::vector<ListedRun>& runs, const RunsOptions& options) {
  const std::string& by = options.sort;
  const auto ahead = [&](const ListedRun& a, const ListedRun& b) {
    if (is_word_column(by)) return a.word(by) < b.word(by);
    const double x = a.number(by), y = b.number(by);
    if (std::isnan(x) || std::isnan(y)) return !std::isnan(x) && std::isnan(y);  // those without stand last
    const bool larger = by == "accuracy" || (by == "score" && larger_is_better(a.metric));
    return larger ? x > y : x < y;
  };
  std::stable_sort(runs.begin(), runs.end(), [](const ListedRun& a, const ListedRun& b) {
    return larger_is_better(a.metric) > larger_is_better(b.metric);  // scores of one kind beside each other
  });
  if (by != "score") {
    std::stable_sort(runs.begin(), runs.end(), [](const auto& a, const auto& b) { return a.run < b.run; });
    std::stable_sort(runs.begin(), runs.end(), ahead);
  } else {
    auto at =
        std::find_if(runs.begin(), runs.end(), [](const auto& r) { return !larger_is_better(r.metric); });
    std::stable_sort(runs.begin(), at, ahead);
    std::stable_sort(at, runs.end(), ahead);
  }
  if (options.reverse) std::reverse(runs.begin(), runs.end());
}

std::string score_text(const ListedRun& r) {
  for (const Metric& m : metrics())
    if (r.metric == m.name && std::isfinite(r.score)) return fmt::format("{} {}", m.name, m.text(r.score));
  return "-";
}

void print_runs(const std::vector<ListedRun>& runs) {
  const bool commands =
      std::any_of(runs.begin(), runs.end(), [](const auto& r) { return r.command != "train"; });
  std::vector<std::vector<std::string>> rows = {{"run", "data", "model", "optimizer", "best score",
                                                 "test accuracy", "test loss", "steps", "time", "state"}};
  if (commands) rows[0].insert(rows[0].begin() + 1, "command");
  for (const ListedRun& r : runs) {
    rows.push_back({r.run, r.data, r.model, r.optim, score_text(r), percent(r.accuracy), brief(r.loss),
                    std::isnan(r.steps) ? "-" : fmt::format("{:.0f}", r.steps),
                    std::isnan(r.time) ? "-" : clock_text(r.time), r.state});
    if (commands) rows.back().insert(rows.back().begin() + 1, r.command);
  }
  print(columns(rows));
}

int list_runs(std::vector<std::string> folders, const RunsOptions& options) {
  const bool usual = folders.empty();
  if (usual) folders = {"runs"};
  std::vector<std::function<bool(const ListedRun&)>> filters;
  for (const std::string& text : options.filter) filters.push_back(parse_filter(text));
  std::vector<ListedRun> runs;
  auto errors = nlohmann::ordered_json::array();
  for (const std::string& folder : folders) {
    std::vector<std::string> paths;
    if (fs::is_directory(folder))
      find_runs(folder, 0, paths);
    else if (!usual)
      errors.push_back({{"run", folder}, {"error", folder + ": no such directory"}});
    for (const std::string& path : paths) try {
        runs.push_back(listed(path));
      } catch (const Error& e) {
        errors.push_back({{"run", path}, {"error", e.what()}});
      }
  }
  const size_t found = runs.size();
  std::erase_if(runs, [&](const ListedRun& r) {
    return !std::all_of(filters.begin(), filters.end(), [&](const auto& passes) { return passes(r); });
  });
  sort_runs(runs, options);
  if (options.limit && static_cast<int64>(runs.size()) > *options.limit)
    runs.resize(static_cast<size_t>(*options.limit));
  if (options.json) {
    nlohmann::ordered_json json = {{"runs", nlohmann::ordered_json::array()}};
    for (const ListedRun& r : runs) {
      nlohmann::ordered_json entry;
      for (const auto& [name, field] : r.words()) entry[name] = *field;
      for (const auto& [name, field] : r.numbers()) entry[name] = *field;
      json["runs"].push_back(entry);
    }
    if (!errors.empty()) json["errors"] = errors;
    print_json(json);
  } else if (!runs.empty()) {
    print_runs(runs);
  } else {
    note(found ? fmt::format("gradus: none of {} runs passes the filter\n", found)
               : fmt::format("gradus: no runs below {}\n", fmt::format("{}", fmt::join(folders, ", "))));
  }
  for (const auto& e : errors) note("gradus: " + e["error"].get<std::string>() + "\n");
  return errors.empty() ? kOk : kBadData;
}

}  // namespace

void add_runs(CLI::App& app, Action& action) {
  CLI::App* sub =
      app.add_subcommand("runs", "a table of the runs below a folder: data, model, optimizer, score, time");
  auto given = std::make_shared<OptionList>();
  auto folders = std::make_shared<std::vector<std::string>>();
  sub->add_option("DIR", *folders, "folders to look in; else ./runs")->type_name("");
  add_flags<RunsOptions>(*sub, given);
  sub->callback([=, &action] {
    action = [=] {
      RunsOptions options;
      assign(options, *given);
      return list_runs(*folders, options);
    };
  });
}

}  // namespace gradus
