// gradus train: trains a model on a data set into a run directory, or continues one.
#include <algorithm>
#include <filesystem>
#include <optional>

#include "apps/cli/commands.h"
#include "apps/cli/flags.h"
#include "apps/cli/output.h"
#include "apps/cli/program.h"
#include "apps/cli/ranks.h"
#include "apps/cli/terminal.h"
#include "apps/cli/thread_count.h"
#include "apps/commands/run_settings.h"
#include "apps/diffusion/diffusion_run.h"
#include "apps/preference/preference_run.h"
#include "apps/train/interrupt.h"
#include "apps/train/trainer.h"
#include "core/json_file.h"
#include "core/threads.h"

namespace gradus {
namespace {

// How the run is called, as opposed to what it is (TrainConfig).
struct Call {
  std::string out, resume, config_file, task;
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
  for (const char* key : {"data", "model", "param", "loss", "optim", "schedule"})
    if (result.contains(key)) rows.push_back({key, result[key].get<std::string>()});
  if (const auto gradient = result["gradient"].get<std::string>(); gradient != "backprop") {
    rows.push_back({"gradient", gradient});
    rows.push_back(
        {"step memory",
         fmt::format("{:.3g} MiB at most", result["memory"]["step_peak_bytes"].get<double>() / (1 << 20))});
  }
  if (result.contains("select"))
    rows.push_back({"select", fmt::format("{}, {} of the last epoch kept",
                                          result["select"].get<std::string>(), percent(number("kept")))});
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

// The settings as rank 0 finds them, which has the run's files, for all; and whether the run needs no weights to begin with.
TrainConfig shared_config(Communicator& ranks, const Call& call, const OptionList& given, bool& started) {
  TrainConfig config;
  together(ranks, [&] {
    if (!ranks.first()) return;
    config = merged_config(call, given);
    started = !call.resume.empty() && without_start(config, call.resume).init != config.init;
  });
  if (ranks.alone()) return config;
  const std::string text = ranks.broadcast(ranks.first() ? config_json(config).dump() : "");
  apply_config_json(config, nlohmann::json::parse(text), "settings of rank 0");
  started = ranks.any(started);
  return config;
}

int train(const Call& call, const OptionList& given) {
  if (call.print_config) {
    print(config_json(merged_config(call, given)).dump(2) + "\n");
    return kOk;
  }
  Communicator& ranks = open_world();
  const bool speaks = ranks.first();
  bool started = false;
  TrainConfig config = shared_config(ranks, call, given, started);
  if (config.threads == 0) config.threads = config.deterministic ? 1 : threads_of_rank();
  // Recorded, because results are the same bytes only for the same number of threads.
  use_threads(config.threads);
  const InterruptScope
      signals;  // from before the run directory is made, so that what is there can be resumed
  std::optional<Trainer> made;
  RunDirectory run = RunDirectory::none();
  together(ranks, [&] {
    if (speaks) check_save_path(config.save);
    config = with_absolute_paths(config);
    TrainConfig begun = config;
    if (started) begun.init.clear();
    made.emplace(begun, ranks);
  });
  Trainer& trainer = *made;
  together(ranks, [&] {
    if (!speaks) return;
    if (!call.quiet && call.resume.empty())  // of a run that goes on all has been said
      for (const std::string& line : trainer.notes()) note(line + "\n");
    run = call.resume.empty() ? RunDirectory::create(call.out, run_name(config), config)
                              : RunDirectory::open(call.resume);
  });
  if (!call.resume.empty()) {
    trainer.restore(run);
    if (trainer.done() > trainer.length())
      fail<UsageError>("--resume {}: the run is at {} {}, beyond the {} asked for; it can only become longer",
                       call.resume, config.batch_size.adaptive() ? "example" : "step", trainer.done(),
                       trainer.length());
    if (speaks) run.write_config(config);
  }
  bool ended = false;
  try {
    ended = trainer.train(run, call.quiet || !speaks);
  } catch (...) {
    if (speaks && call.resume.empty()) run.discard();
    throw;
  }
  if (!ended) {
    if (speaks)
      note(
          fmt::format("gradus: interrupted after step {}; all is saved, 'gradus train --resume {}' goes on\n",
                      trainer.state().step, run.path()));
    return kInterrupted;
  }
  const auto result = trainer.result(run.path());
  if (speaks) call.json ? print_json(result) : print_table(result, trainer.scores());
  return kOk;
}

// Flags of `train` that another way of learning has no setting for.
template <class Config>
void refuse_others(const OptionList& given, const char* way) {
  const std::vector<std::string> known = option_names<Config>();
  for (const auto& [key, value] : given)
    if (std::find(known.begin(), known.end(), key) == known.end())
      fail<UsageError>("{} is not for {}", flag_name(key), way);
}

// Pairs of responses: settings of their own, under the names of TrainConfig.
bool is_pairs(const Call& call, const OptionList& given) {
  if (!call.resume.empty()) {
    const nlohmann::json settings = RunDirectory::open(call.resume).settings();
    return settings.value("command", "") == kPreferenceRun;
  }
  for (const auto& [key, value] : given)
    if (key == "data" && is_preference_data(value)) return true;
  return false;
}

PreferenceConfig pairs_config(const Call& call, const OptionList& given) {
  PreferenceConfig config;
  refuse_others<PreferenceConfig>(given, "pairs of responses (--loss)");
  if (!call.config_file.empty()) fail<UsageError>("--data pairs takes no --config");
  if (!call.resume.empty()) {
    if (!call.out.empty()) fail<UsageError>("--resume DIR goes on in DIR; it takes no --out");
    check_resumable(given, {"epochs", "steps", "threads", "eval_every", "save_every", "save"});
    const RunDirectory run = RunDirectory::open(call.resume);
    assign(config, given_in_json(run.settings_of(kPreferenceRun), run.file("config.json")));
    for (const auto& [key, value] : given)
      if (key == "epochs" || key == "steps") config.epochs.reset(), config.steps.reset();
  }
  assign(config, given);
  return config;
}

// Of another way of learning: what --json has, as a table.
void print_run(const nlohmann::ordered_json& result) {
  std::vector<std::vector<std::string>> rows;
  for (const auto& [key, value] : result.items()) {
    std::string name = key;
    std::replace(name.begin(), name.end(), '_', ' ');
    rows.push_back({key == "out" ? "run" : name, value.is_string()         ? value.get<std::string>()
                                                 : value.is_number_float() ? brief(value.get<double>())
                                                                           : value.dump()});
  }
  print(columns(rows));
}

int train_pairs(const Call& call, const OptionList& given) {
  refuse_ranks("train --data pairs");
  PreferenceConfig config = pairs_config(call, given);
  if (call.print_config) {
    print(options_json(config).dump(2) + "\n");
    return kOk;
  }
  use_threads(config.threads);
  config.threads = threads();
  check_save_path(config.save);
  const InterruptScope signals;
  config = with_absolute_paths(config);
  const std::string reference = call.resume.empty() ? "" : reference_file(RunDirectory::open(call.resume));
  PreferenceRun training(config, std::filesystem::exists(reference) ? reference : "");
  if (!call.quiet && call.resume.empty())
    for (const std::string& line : training.notes()) note(line + "\n");
  const std::string model = parse_spec(training.model().spec()).name;
  config.model = training.model().spec();  // of --init, which may be gone when the run goes on
  const RunDirectory run =
      call.resume.empty()
          ? RunDirectory::create(call.out, fmt::format("pairs-{}-s{}", model, config.seed), kPreferenceRun,
                                 options_json(config), preference_csv_header())
          : RunDirectory::open(call.resume);
  if (!call.resume.empty()) run.write_settings(kPreferenceRun, options_json(config));
  if (!training.train(run, call.quiet)) {
    note(fmt::format("gradus: interrupted after step {}; all is saved, 'gradus train --resume {}' goes on\n",
                     training.step(), run.path()));
    return kInterrupted;
  }
  const auto result = training.result(run.path());
  call.json ? print_json(result) : print_run(result);
  return kOk;
}

// Denoising: settings of their own, under the names of TrainConfig.
bool is_diffusion(const Call& call) {
  if (call.resume.empty() && !call.config_file.empty() && call.task.empty()) {
    const nlohmann::json settings = read_json(call.config_file);
    return settings.is_object() && settings.value("command", "") == kDiffusionRun;
  }
  if (call.resume.empty()) return !call.task.empty();
  const bool diffusion = RunDirectory::open(call.resume).settings().value("command", "") == kDiffusionRun;
  if (!call.task.empty()) fail<UsageError>("--resume DIR has its own --task");
  return diffusion;
}

DiffusionConfig diffusion_config(const Call& call, const OptionList& given) {
  DiffusionConfig config;
  refuse_others<DiffusionConfig>(given, "--task diffusion");
  if (!call.resume.empty()) {
    if (!call.out.empty()) fail<UsageError>("--resume DIR goes on in DIR; it takes no --out");
    if (!call.config_file.empty())
      fail<UsageError>("--resume DIR has its own settings; it takes no --config");
    check_resumable(given, {"epochs", "steps", "threads", "eval_every", "save_every", "save", "data_dir"});
    const RunDirectory run = RunDirectory::open(call.resume);
    assign(config, given_in_json(run.settings_of(kDiffusionRun), run.file("config.json")));
  } else if (!call.config_file.empty()) {
    assign(config, settings_given(read_json(call.config_file), kDiffusionRun, call.config_file));
  }
  if (!call.task.empty()) config.task = call.task;
  for (const auto& [key, value] : given)
    if (key == "epochs" || key == "steps") config.epochs.reset(), config.steps.reset();
  assign(config, given);
  diffusion_task(config.task);
  return config;
}

int train_diffusion(const Call& call, const OptionList& given) {
  DiffusionConfig config = diffusion_config(call, given);
  if (call.print_config) {
    print(options_json(config).dump(2) + "\n");
    return kOk;
  }
  use_threads(config.threads);
  config.threads = threads();
  check_save_path(config.save);
  const InterruptScope signals;
  config = with_absolute_paths(config);
  DiffusionRun training(config, !call.resume.empty() && RunDirectory::open(call.resume).has_checkpoint());
  if (!call.quiet && call.resume.empty())
    for (const std::string& line : training.notes()) note(line + "\n");
  const RunDirectory run =
      call.resume.empty() ? RunDirectory::create(call.out,
                                                 fmt::format("{}-{}-s{}", parse_spec(config.data).name,
                                                             parse_spec(config.model).name, config.seed),
                                                 kDiffusionRun, options_json(config), diffusion_csv_header())
                          : RunDirectory::open(call.resume);
  if (!call.resume.empty()) run.write_settings(kDiffusionRun, options_json(config));
  bool ended = false;
  try {
    ended = training.train(run, call.quiet);
  } catch (...) {
    if (call.resume.empty()) run.discard();
    throw;
  }
  if (!ended) {
    note(fmt::format("gradus: interrupted after step {}; all is saved, 'gradus train --resume {}' goes on\n",
                     training.step(), run.path()));
    return kInterrupted;
  }
  const auto result = training.result(run.path());
  call.json ? print_json(result) : print_run(result);
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
  sub->add_option("--task", call->task,
                  "what is learned, where it is not what data and model ask for: "
                  "diffusion[:prediction=v,class_dropout=0.1,schedule=cosine-clamped,...], denoising images, "
                  "with --model unet (the default) or dit; 'gradus sample' draws from it. Its defaults are "
                  "others than these: --task diffusion --print-config")
      ->type_name("NAME");
  sub->add_option_function<std::vector<std::string>>(
         "--init-map",
         [given](const std::vector<std::string>& texts) {
           for (const std::string& text : texts) given->emplace_back("init_rename", text);
         },
         "another name of --init-rename: 'module.=:' takes 'module.' away")
      ->type_name("FROM=TO")
      ->expected(1)
      ->allow_extra_args(false)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  sub->add_flag("--print-config", call->print_config, "print the settings as JSON and stop");
  sub->add_flag("--json", call->json, "print the result as one JSON object");
  sub->add_flag("--quiet", call->quiet, "no progress on stderr");
  sub->callback([=, &action] {
    action = [=] {
      if (is_diffusion(*call)) return train_diffusion(*call, *given);
      return is_pairs(*call, *given) ? train_pairs(*call, *given) : train(*call, *given);
    };
  });
}

}  // namespace gradus
