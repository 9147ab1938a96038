// gradus active: trains a model on labels that it asks for itself, or continues such a run.
#include "apps/active/active_run.h"
#include "apps/cli/commands.h"
#include "apps/cli/flags.h"
#include "apps/cli/output.h"
#include "apps/cli/program.h"
#include "apps/cli/terminal.h"
#include "apps/commands/run_settings.h"
#include "core/threads.h"

namespace gradus {
namespace {

constexpr const char* kActive = "active";

void print_active(const nlohmann::ordered_json& result) {
  std::vector<std::vector<std::string>> rows;
  for (const char* key : {"data", "model", "strategy", "optim"})
    rows.push_back({key, result[key].get<std::string>()});
  rows.push_back({"seed", result["seed"].dump()});
  rows.push_back({"pool", fmt::format("{} examples", result["pool"].dump())});
  if (result.contains("labels_by_arm")) {
    std::string arms;
    for (const auto& [arm, count] : result["labels_by_arm"].items())
      arms += fmt::format("{}{} {}", arms.empty() ? "" : ", ", arm, count.dump());
    rows.push_back({"arms", wrapped(arms, 15, kPageWidth)});
  }
  rows.push_back({"time", fmt::format("{:.2f} s", result["seconds"].get<double>())});
  rows.push_back({"run", result["out"].get<std::string>()});
  print(columns(rows) + "\n");
  const auto number = [](const nlohmann::ordered_json& v) {
    return v.is_number() ? v.get<double>() : std::nan("");
  };
  std::vector<std::vector<std::string>> curve = {
      {"labels", "test loss", "test accuracy", "test recall", "of the rarest class"}};
  for (const auto& row : result["curve"])
    curve.push_back({row["labels"].dump(), brief(number(row["test_loss"])),
                     percent(number(row["test_accuracy"])), percent(number(row["test_recall"])),
                     row["rarest"].dump()});
  print(columns(curve));
}

int active(const DirectoryCall& call, const OptionList& given) {
  ActiveConfig config = merged_settings<ActiveConfig>(call, given, kActive,
                                                      [](const OptionList& g) { check_active_resumable(g); });
  if (call.print_config) {
    print(config_json(config).dump(2) + "\n");
    return kOk;
  }
  if (config.threads > 0) set_threads(config.threads);
  config.threads = threads();  // recorded
  check_save_path(config.save);
  const InterruptScope
      signals;  // from before the run directory is made, so that what is there can be resumed
  ActiveRun learning(config);
  const std::string name =
      fmt::format("{}-{}-{}-s{}", parse_spec(config.data).name, parse_spec(config.model).name,
                  parse_spec(config.strategy).name, config.seed);
  const RunDirectory run =
      call.resume.empty()
          ? RunDirectory::create(call.out, name, kActive, config_json(config), active_csv_header())
          : RunDirectory::open(call.resume);
  if (!call.resume.empty()) run.write_settings(kActive, config_json(config));
  if (!learning.train(run, call.quiet)) {
    note(
        fmt::format("gradus: interrupted after round {}; all is saved, 'gradus active --resume {}' goes on\n",
                    learning.rows().size(), run.path()));
    return kInterrupted;
  }
  const auto result = learning.result(run.path());
  call.json ? print_json(result) : print_active(result);
  return kOk;
}

}  // namespace

void add_active(CLI::App& app, Action& action) {
  CLI::App* sub = app.add_subcommand(kActive, "train a model on labels that it asks for, a few at a time");
  auto call = std::make_shared<DirectoryCall>();
  auto given = std::make_shared<OptionList>();
  add_flags<ActiveConfig>(*sub, given);
  add_run_flags(*sub, call);
  sub->callback([=, &action] { action = [=] { return active(*call, *given); }; });
}

}  // namespace gradus
