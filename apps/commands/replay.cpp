// gradus replay: recorded optimizer trajectories against this build.
#include "optim/replay/replay.h"

#include <fmt/format.h>

#include <cmath>
#include <cstdio>
#include <optional>

#include "apps/cli/commands.h"
#include "apps/cli/output.h"
#include "apps/cli/program.h"
#include "apps/cli/terminal.h"
#include "core/error.h"

namespace gradus {
namespace {

int run(const std::vector<std::string>& files, bool json) {
  bool all_passed = true;
  int code = kOk;  // that of the first file that cannot be replayed; the others are
  nlohmann::ordered_json reports = nlohmann::ordered_json::array();
  const auto failed = [&](const std::string& file, const Error& error, int with) {
    if (code == kOk) code = with;
    fmt::print(stderr, "gradus: {}\n", error.what());
    reports.push_back({{"file", file}, {"error_message", error.what()}, {"passed", false}});
    all_passed = false;
  };
  for (const std::string& file : files) {
    std::optional<ReplayReport> replayed;
    try {
      replayed = replay(file);
    } catch (const DataError& e) {
      failed(file, e, kBadData);
      continue;
    } catch (const UsageError& e) {
      failed(file, e, kUsage);
      continue;
    }
    const ReplayReport& report = *replayed;
    all_passed &= report.passed();
    if (json) {
      auto& entry = reports.emplace_back();
      entry = {{"file", file},
               {"optimizer", report.optimizer},
               {"error", report.error()},
               {"tolerance", report.tolerance},
               {"passed", report.passed()}};
      for (const ReplayStep& s : report.steps)
        entry["steps"].push_back({{"step", s.step}, {"error", s.error}, {"worst", s.worst}});
      continue;
    }
    print(fmt::format("{}  {} ({})\n", file, report.optimizer, report.source));
    std::vector<std::vector<std::string>> rows;
    for (const ReplayStep& s : report.steps)
      rows.push_back({fmt::format("  step {}", s.step), fmt::format("{:.3e}", s.error), s.worst});
    print(columns(rows));
    print(fmt::format("  {}: largest relative error {:.3e}, tolerance {:.0e}\n",
                      report.passed() ? "ok" : "MISMATCH", report.error(), report.tolerance));
  }
  if (json) print_json({{"passed", all_passed}, {"real", kRealName}, {"files", reports}});
  return code != kOk ? code : all_passed ? kOk : kNotShown;
}

}  // namespace

void add_replay(CLI::App& app, Action& action) {
  CLI::App* sub = app.add_subcommand("replay", "replay recorded optimizer trajectories and compare");
  auto files = std::make_shared<std::vector<std::string>>();
  auto json = std::make_shared<bool>(false);
  sub->add_option("FILE", *files, "trajectories (gradus-replay-1)")->required()->type_name("");
  sub->add_flag("--json", *json, "print the result as one JSON object");
  sub->callback([=, &action] { action = [=] { return run(*files, *json); }; });
}

}  // namespace gradus
