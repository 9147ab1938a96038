// gradus replay: recorded optimizer trajectories against this build.
#include "optim/replay/replay.h"

#include <fmt/format.h>

#include <cmath>

#include "apps/cli/commands.h"
#include "apps/cli/output.h"
#include "apps/cli/program.h"
#include "apps/cli/terminal.h"

namespace gradus {
namespace {

int run(const std::vector<std::string>& files, bool json) {
  bool all_passed = true;
  nlohmann::ordered_json reports = nlohmann::ordered_json::array();
  for (const std::string& file : files) {
    const ReplayReport report = replay(file);
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
  return all_passed ? kOk : kNotShown;
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
