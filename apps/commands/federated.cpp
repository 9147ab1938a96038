// gradus federated: trains a model at many clients that keep their data, or continues such a run.
#include "apps/cli/commands.h"
#include "apps/cli/flags.h"
#include "apps/cli/output.h"
#include "apps/cli/program.h"
#include "apps/cli/ranks.h"
#include "apps/cli/terminal.h"
#include "apps/cli/thread_count.h"
#include "apps/commands/run_settings.h"
#include "apps/federated/federation.h"

namespace gradus {
namespace {

constexpr const char* kFederated = "federated";

std::string federated_run_name(const FederatedConfig& config) {
  return fmt::format("{}-{}-{}-s{}", parse_spec(config.data).name, parse_spec(config.model).name,
                     parse_spec(config.server).name, config.seed);
}

void print_federated(const nlohmann::ordered_json& result) {
  const auto number = [&](const char* key) {
    const auto& v = result[key];
    return v.is_number() ? v.get<double>() : std::nan("");
  };
  std::vector<std::vector<std::string>> rows;
  for (const char* key : {"data", "model", "partition", "server", "client"})
    rows.push_back({key, result[key].get<std::string>()});
  rows.push_back({"clients", fmt::format("{}, {} a round, {} to {} examples each", result["clients"].dump(),
                                         result["per_round"].dump(), result["smallest_client"].dump(),
                                         result["largest_client"].dump())});
  rows.push_back({"seed", result["seed"].dump()});
  rows.push_back({"parameters", result["parameters"].dump()});
  rows.push_back({"rounds", result["rounds"].dump()});
  rows.push_back({"test loss", brief(number("test_loss"))});
  if (!std::isnan(number("test_accuracy"))) {
    rows.push_back({"test accuracy", percent(number("test_accuracy"))});
    rows.push_back(
        {"last ten", fmt::format("{} ± {} between rounds", percent(number("test_accuracy_last_10")),
                                 percent(number("test_accuracy_last_10_std")))});
    rows.push_back({"a client",
                    fmt::format("{} in the mean, {} the worst tenth", percent(number("client_accuracy_mean")),
                                percent(number("client_accuracy_worst_decile")))});
  }
  if (result.contains("target"))
    rows.push_back({fmt::format("to {}", percent(number("target"))),
                    result["rounds_to_target"].is_null() ? "not reached"
                                                         : result["rounds_to_target"].dump() + " rounds"});
  if (number("dropped") + number("without_data") > 0)
    rows.push_back({"left out", fmt::format("{} failed, {} without data", result["dropped"].dump(),
                                            result["without_data"].dump())});
  rows.push_back({"sent", fmt::format("{}B up, {}B down", short_count(number("bytes_up")),
                                      short_count(number("bytes_down")))});
  rows.push_back({"time", fmt::format("{:.2f} s in rounds", number("seconds"))});
  rows.push_back({"run", result["out"].get<std::string>()});
  print(columns(rows));
}

int federated(const DirectoryCall& call, const OptionList& given) {
  const auto settings = [&] {
    return merged_settings<FederatedConfig>(call, given, kFederated,
                                            [](const OptionList& g) { check_federated_resumable(g); });
  };
  if (call.print_config) {
    print(config_json(settings()).dump(2) + "\n");
    return kOk;
  }
  Communicator& ranks = open_world();
  const bool speaks = ranks.first();
  FederatedConfig config;
  together(ranks, [&] {  // rank 0 has the run's files
    if (speaks) config = settings();
  });
  if (!ranks.alone()) {
    const std::string text = ranks.broadcast(speaks ? config_json(config).dump() : "");
    assign(config, settings_given(nlohmann::json::parse(text), kFederated, "settings of rank 0"));
  }
  if (config.threads == 0) config.threads = threads_of_rank();
  use_threads(config.threads);  // recorded
  const InterruptScope
      signals;  // from before the run directory is made, so that what is there can be resumed
  std::optional<Federation> made;
  RunDirectory run = RunDirectory::none();
  together(ranks, [&] {
    if (speaks) check_save_path(config.save);
    made.emplace(config, ranks);
  });
  together(ranks, [&] {
    if (!speaks) return;
    run = call.resume.empty() ? RunDirectory::create(call.out, federated_run_name(config), kFederated,
                                                     config_json(config), round_csv_header())
                              : RunDirectory::open(call.resume);
    if (!call.resume.empty()) run.write_settings(kFederated, config_json(config));
  });
  Federation& federation = *made;
  if (!federation.train(run, call.quiet || !speaks)) {
    if (speaks)
      note(fmt::format(
          "gradus: interrupted after round {}; all is saved, 'gradus federated --resume {}' goes on\n",
          federation.state().round, run.path()));
    return kInterrupted;
  }
  const auto result = federation.result(run.path());
  if (speaks) call.json ? print_json(result) : print_federated(result);
  return kOk;
}

}  // namespace

void add_federated(CLI::App& app, Action& action) {
  CLI::App* sub = app.add_subcommand("federated", "train a model at many clients that keep their data");
  auto call = std::make_shared<DirectoryCall>();
  auto given = std::make_shared<OptionList>();
  add_flags<FederatedConfig>(*sub, given);
  add_run_flags(*sub, call);
  sub->callback([=, &action] { action = [=] { return federated(*call, *given); }; });
}

}  // namespace gradus
