// gradus train: trains a model on a data set into a run directory, or continues one.
#include "apps/cli/commands.h"
#include "apps/cli/flags.h"
#include "apps/cli/output.h"
#include "apps/cli/program.h"
#include "apps/cli/terminal.h"
#include "apps/train/interrupt.h"
#include "apps/train/trainer.h"
#include "core/json_file.h"
#include "core/threads.h"

namespace gradus {
namespace {

// How the run is called, as opposed to what it is (TrainConfig).
struct Call {
  std::string out, resume, config_file;
  bool json = false, quiet = false, print_config = false;
};

TrainConfig merged_config(const Call& call, const OptionList& given) {
  TrainConfig config;
  if (!call.resume.empty()) {
    if (!call.out.empty()) fail<UsageError>("--resume DIR goes on in DIR; it takes no --out");
    if (!call.config_file.empty())
      fail<UsageError>("--resume DIR has its own settings; it takes no --config");
    check_resumable(given);
    config = RunDirectory::open(call.resume).config();
  } else if (!call.config_file.empty()) {
    apply_config_json(config, read_json(call.config_file), call.config_file);
  }
  replace_length(config, given);
  assign(config, given);
  check(config);
  return config;
}

std::string run_name(const TrainConfig& config) {
  std::string name = fmt::format("{}-{}-{}-s{}", parse_spec(config.data).name, parse_spec(config.model).name,
                                 parse_spec(config.optim).name, config.seed);
  return name;
}

// A run that has a checkpoint does not need the weights it began with, which may be gone.
TrainConfig without_start(TrainConfig config, const std::string& run) {
  if (std::filesystem::exists(RunDirectory::open(run).checkpoint())) config.init.clear();
  return config;
}

// "step 300: validation accuracy 98.40 %, test accuracy 98.10 %, test loss 0.0512"
std::string best_line(const nlohmann::ordered_json& best) {
  const auto name = best["metric"].get<std::string>();
  std::string text = fmt::format("step {}:", best["step"].dump());
  bool first = true;
  for (const std::string& set : {std::string("validation"), std::string("test")})
    for (const Metric& m : metrics()) {
      const auto found = best.find(set + "_" + m.name);
      if (found == best.end() || !found->is_number() || (m.name != name && std::string(m.name) != "loss"))
        continue;
      text += fmt::format("{} {} {} {}", std::exchange(first, false) ? "" : ",", set, m.name,
                          m.text(found->get<double>()));
    }
  return text;
}

void print_table(const nlohmann::ordered_json& result, const Scores& scores) {
  const auto number = [&](const char* key) {
    const auto& v = result[key];
    return v.is_number() ? v.get<double>() : std::nan("");
  };
  std::vector<std::vector<std::string>> rows;
  for (const char* key : {"data", "model", "param", "optim", "schedule"})
    if (result.contains(key)) rows.push_back({key, result[key].get<std::string>()});
  if (const auto gradient = result["gradient"].get<std::string>(); gradient != "backprop") {
    rows.push_back({"gradient", gradient});
    rows.push_back(
        {"step memory",
         fmt::format("{:.3g} MiB at most", result["memory"]["step_peak_bytes"].get<double>() / (1 << 20))});
  }
  if (result.contains("select"))
    rows.push_back({"select", fmt::format("{}, {} of the last epoch kept", result["select"].get<std::string>(),
                                          percent(number("kept")))});
  rows.push_back({"seed", result["seed"].dump()});
  rows.push_back({"parameters", result["parameters"].dump()});
  rows.push_back({"steps", fmt::format("{} ({} epochs)", result["steps"].dump(), brief(number("epochs")))});
  if (result.contains("mean_batch_size"))
    rows.push_back(
        {"batch size", fmt::format("{} on average, {} at the end", brief(number("mean_batch_size")),
                                   result["last_batch_size"].dump())});
  rows.push_back({"train loss", brief(number("train_loss"))});
  for (auto& row : scores.rows("test")) rows.push_back(std::move(row));
  rows.push_back({"best", best_line(result["best"])});
  rows.push_back({"train time", fmt::format("{:.2f} s, {} samples/s", number("train_seconds"),
                                            short_count(number("samples_per_s")))});
  if (result["stopped_early"].get<bool>())
    rows.push_back(
        {"stopped early", fmt::format("the best score was at step {}", result["best_step"].dump())});
  rows.push_back({"run", result["out"].get<std::string>()});
  print(columns(rows));
  if (const std::string tables = scores.tables(); !tables.empty()) print("\n" + tables);
}

int train(const Call& call, const OptionList& given) {
  TrainConfig config = merged_config(call, given);
  if (call.print_config) {
    print(config_json(config).dump(2) + "\n");
    return kOk;
  }
  if (config.threads > 0) set_threads(config.threads);
  // Recorded, because results are the same bytes only for the same number of threads.
  config.threads = threads();
  check_save_path(config.save);
  const InterruptScope
      signals;  // from before the run directory is made, so that what is there can be resumed
  config = with_absolute_paths(config);
  Trainer trainer(call.resume.empty() ? config : without_start(config, call.resume));
  if (!call.quiet && call.resume.empty())  // of a run that goes on all has been said
    for (const std::string& line : trainer.notes()) note(line + "\n");
  const RunDirectory run = call.resume.empty() ? RunDirectory::create(call.out, run_name(config), config)
                                               : RunDirectory::open(call.resume);
  if (!call.resume.empty()) {
    trainer.restore(run);
    if (trainer.done() > trainer.length())
      fail<UsageError>("--resume {}: the run is at {} {}, beyond the {} asked for; it can only become longer",
                       call.resume, config.batch_size.adaptive() ? "example" : "step", trainer.done(),
                       trainer.length());
    run.write_config(config);
  }
  bool ended = false;
  try {
    ended = trainer.train(run, call.quiet);
  } catch (...) {
    if (call.resume.empty()) run.discard();
    throw;
  }
  if (!ended) {
    note(fmt::format("gradus: interrupted after step {}; all is saved, 'gradus train --resume {}' goes on\n",
                     trainer.state().step, run.path()));
    return kInterrupted;
  }
  const auto result = trainer.result(run.path());
  call.json ? print_json(result) : print_table(result, trainer.scores());
  return kOk;
}

}  // namespace

void add_train(CLI::App& app, Action& action) {
  CLI::App* sub = app.add_subcommand("train", "train a model on a data set");
  auto call = std::make_shared<Call>();
  auto given = std::make_shared<OptionList>();
  add_flags<TrainConfig>(*sub, given);
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
  sub->callback([=, &action] { action = [=] { return train(*call, *given); }; });
}

}  // namespace gradus
