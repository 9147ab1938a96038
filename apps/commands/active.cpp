// gradus active: trains a model on labels that it asks for itself, or continues such a run.
#include "apps/active/active_run.h"
#include "apps/cli/commands.h"
#include "apps/cli/flags.h"
#include "apps/cli/output.h"
#include "apps/cli/program.h"
#include "apps/cli/terminal.h"
#include "apps/commands/run_settings.h"

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

std::string active_run_name(const ActiveConfig& config) {
  return fmt::format("{}-{}-{}-s{}", parse_spec(config.data).name, parse_spec(config.model).name,
                     parse_spec(config.strategy).name, config.seed);
}

const RoundsCommand<ActiveConfig, ActiveRun> kActiveCommand{
    kActive,
    check_active_resumable,
    active_run_name,
    active_csv_header,
    [](const ActiveRun& r) { return static_cast<int64>(r.rows().size()); },
    print_active};

}  // namespace

void add_active(CLI::App& app, Action& action) {
  CLI::App* sub = app.add_subcommand(kActive, "train a model on labels that it asks for, a few at a time");
  auto call = std::make_shared<DirectoryCall>();
  auto given = std::make_shared<OptionList>();
  add_flags<ActiveConfig>(*sub, given);
  add_run_flags(*sub, call);
  sub->callback([=, &action] { action = [=] { return train_in_rounds(kActiveCommand, *call, *given); }; });
}

}  // namespace gradus
