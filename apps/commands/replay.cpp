// gradus replay: recorded trajectories of optimizers and recorded cases of papers' functions against this build.
#include "optim/replay/replay.h"

#include <fmt/format.h>

#include <cmath>
#include <cstdio>
#include <optional>

#include "apps/cli/commands.h"
#include "apps/cli/output.h"
#include "apps/cli/program.h"
#include "apps/cli/terminal.h"
#include "apps/papers/case_file.h"
#include "core/error.h"
#include "core/json_file.h"

namespace gradus {
namespace {

/// What one file came to, as text and as JSON.
struct Replayed {
  bool passed;
  std::string text;
  nlohmann::ordered_json json;
};

std::string verdict_line(bool passed, double error, double tolerance) {
  return fmt::format("  {}: largest relative error {:.3e}, tolerance {:.0e}\n", passed ? "ok" : "MISMATCH",
                     error, tolerance);
}

Replayed replay_trajectory(const std::string& file) {
  const ReplayReport report = replay(file);
  Replayed r{report.passed(), fmt::format("{}  {} ({})\n", file, report.optimizer, report.source), {}};
  r.json = {{"file", file},
            {"optimizer", report.optimizer},
            {"error", report.error()},
            {"tolerance", report.tolerance},
            {"passed", report.passed()}};
  std::vector<std::vector<std::string>> rows;
  for (const ReplayStep& s : report.steps) {
    r.json["steps"].push_back({{"step", s.step}, {"error", s.error}, {"worst", s.worst}});
    rows.push_back({fmt::format("  step {}", s.step), fmt::format("{:.3e}", s.error), s.worst});
  }
  r.text += columns(rows) + verdict_line(r.passed, report.error(), report.tolerance);
  return r;
}

Replayed replay_case(const std::string& path) {
  const CaseFile file = read_case(path);
  const CaseReport report = check_case(file, function_of(file));
  Replayed r{
      report.passed(), fmt::format("{}  {} {} ({})\n", path, file.paper, file.function, file.source), {}};
  r.json = {{"file", path}, {"paper", file.paper}, {"function", file.function}};
  if (report.skipped) {
    r.json["skipped"] = "double_only";
    r.text += "  skipped: for double precision only (gradus64)\n";
    return r;
  }
  r.json.update({{"error", report.error()}, {"tolerance", report.tolerance}, {"passed", report.passed()}});
  std::vector<std::vector<std::string>> rows;
  for (const CaseOutput& o : report.outputs) {
    r.json["outputs"].push_back({{"name", o.name}, {"error", o.error}, {"passed", o.passed}});
    if (!o.note.empty()) r.json["outputs"].back()["note"] = o.note;
    rows.push_back({"  " + o.name, fmt::format("{:.3e}", o.error), o.note});
  }
  r.text += columns(rows) + verdict_line(r.passed, report.error(), report.tolerance);
  return r;
}

bool is_case(const std::string& file) {
  const nlohmann::json json = read_json(file);
  return json.is_object() && json.value("format", nlohmann::json()) == kCaseFormat;
}

int run(const std::vector<std::string>& files, bool json) {
  bool all_passed = true;
  int code = kOk;  // that of the first file that cannot be replayed; the others are
  nlohmann::ordered_json reports = nlohmann::ordered_json::array();
  const auto failed = [&](const std::string& file, const Error& error, int with) {
    if (code == kOk) code = with;
    note(fmt::format("gradus: {}\n", error.what()));
    reports.push_back({{"file", file}, {"error_message", error.what()}, {"passed", false}});
    all_passed = false;
  };
  for (const std::string& file : files) {
    try {
      const Replayed r = is_case(file) ? replay_case(file) : replay_trajectory(file);
      all_passed &= r.passed;
      if (json)
        reports.push_back(r.json);
      else
        print(r.text);
    } catch (const DataError& e) {
      failed(file, e, kBadData);
    } catch (const UsageError& e) {
      failed(file, e, kUsage);
    }
  }
  if (json) print_json({{"passed", all_passed}, {"real", kRealName}, {"files", reports}});
  return code != kOk ? code : all_passed ? kOk : kNotShown;
}

int print_outputs(const std::vector<std::string>& files) {
  for (const std::string& path : files) {
    if (!is_case(path)) fail<UsageError>("{}: --print shows the outputs of a case ({})", path, kCaseFormat);
    const CaseFile file = read_case(path);
    print(case_json(call_case(file, function_of(file))) + "\n");
  }
  return kOk;
}

}  // namespace

void add_replay(CLI::App& app, Action& action) {
  CLI::App* sub = app.add_subcommand(
      "replay", "compare with recorded trajectories of optimizers and recorded cases of papers' functions");
  auto files = std::make_shared<std::vector<std::string>>();
  auto json = std::make_shared<bool>(false), print_only = std::make_shared<bool>(false);
  sub->add_option("FILE", *files, "trajectories (gradus-replay-1) and cases (gradus-case-1)")
      ->required()
      ->type_name("");
  CLI::Option* json_flag = sub->add_flag("--json", *json, "print the result as one JSON object");
  sub->add_flag(
         "--print", *print_only,
         "of cases: print what the function gives, as JSON of the form of \"expect\", and compare nothing")
      ->excludes(json_flag);
  sub->callback(
      [=, &action] { action = [=] { return *print_only ? print_outputs(*files) : run(*files, *json); }; });
}

}  // namespace gradus
