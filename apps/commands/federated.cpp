// gradus federated: trains a model at many clients that keep their data, or continues such a run.
#include "apps/cli/commands.h"
#include "apps/cli/flags.h"
#include "apps/cli/output.h"
#include "apps/cli/program.h"
#include "apps/cli/terminal.h"
#include "apps/federated/federation.h"
#include "core/json_file.h"
#include "core/threads.h"

namespace gradus {
namespace {

constexpr const char* kFederated = "federated";

// How the run is called, as opposed to what it is (FederatedConfig).
struct FederatedCall {
  std::string out, resume, config_file;
  bool json = false, quiet = false, print_config = false;
};

// Settings of a file; a run's config.json names its command too.
void assign_file(FederatedConfig& config, nlohmann::json settings, const std::string& file) {
  if (settings.is_object() && settings.value("command", kFederated) == kFederated) settings.erase("command");
  try {
    assign(config, given_in_json(settings, file));
  } catch (const UsageError& e) {
    const std::string what = e.what();
    throw UsageError(what.starts_with(file) ? what : file + ": " + what);
  }
}

FederatedConfig merged_federated(const FederatedCall& call, const OptionList& given) {
  FederatedConfig config;
  if (!call.resume.empty()) {
    if (!call.out.empty()) fail<UsageError>("--resume DIR goes on in DIR; it takes no --out");
    if (!call.config_file.empty())
      fail<UsageError>("--resume DIR has its own settings; it takes no --config");
    check_federated_resumable(given);
    const RunDirectory run = RunDirectory::open(call.resume);
    assign_file(config, run.settings_of(kFederated), run.file("config.json"));
  } else if (!call.config_file.empty()) {
    assign_file(config, read_json(call.config_file), call.config_file);
  }
  assign(config, given);
  check(config);
  return config;
}

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

int federated(const FederatedCall& call, const OptionList& given) {
  FederatedConfig config = merged_federated(call, given);
  if (call.print_config) {
    print(config_json(config).dump(2) + "\n");
    return kOk;
  }
  if (config.threads > 0) set_threads(config.threads);
  config.threads = threads();  // recorded
  check_save_path(config.save);
  const InterruptScope
      signals;  // from before the run directory is made, so that what is there can be resumed
  Federation federation(config);
  const RunDirectory run = call.resume.empty()
                               ? RunDirectory::create(call.out, federated_run_name(config), kFederated,
                                                      config_json(config), round_csv_header())
                               : RunDirectory::open(call.resume);
  if (!call.resume.empty()) run.write_settings(kFederated, config_json(config));
  if (!federation.train(run, call.quiet)) {
    note(fmt::format(
        "gradus: interrupted after round {}; all is saved, 'gradus federated --resume {}' goes on\n",
        federation.state().round, run.path()));
    return kInterrupted;
  }
  const auto result = federation.result(run.path());
  call.json ? print_json(result) : print_federated(result);
  return kOk;
}

}  // namespace

void add_federated(CLI::App& app, Action& action) {
  CLI::App* sub = app.add_subcommand("federated", "train a model at many clients that keep their data");
  auto call = std::make_shared<FederatedCall>();
  auto given = std::make_shared<OptionList>();
  add_flags<FederatedConfig>(*sub, given);
  sub->add_option("--out", call->out, "run directory; else one below ./runs named after the run")
      ->type_name("DIR");
  sub->add_option("--resume", call->resume, "continue the run in this directory, bit for bit")
      ->type_name("DIR");
  sub->add_option("--config", call->config_file,
                  "settings from a JSON file, such as a run's config.json; flags win over it")
      ->type_name("FILE");
  sub->add_flag("--print-config", call->print_config, "print the settings as JSON and stop");
  sub->add_flag("--json", call->json, "print the result as one JSON object");
  sub->add_flag("--quiet", call->quiet, "no progress on stderr");
  sub->callback([=, &action] { action = [=] { return federated(*call, *given); }; });
}

}  // namespace gradus
