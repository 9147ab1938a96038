// What commands share that train something into a run directory: where it goes, where its settings come from.
#pragma once

#include <CLI/CLI.hpp>
#include <memory>
#include <string>

#include "apps/cli/flags.h"
#include "apps/cli/output.h"
#include "apps/cli/program.h"
#include "apps/cli/terminal.h"
#include "apps/cli/thread_count.h"
#include "apps/train/interrupt.h"
#include "apps/train/run_dir.h"
#include "core/json_file.h"
#include "core/threads.h"

namespace gradus {

/// How the run is called, as opposed to what it is.
struct DirectoryCall {
  std::string out, resume, config_file;
  bool json = false, quiet = false, print_config = false;
};
/// --out, --resume, --config, --print-config, --json, --quiet.
void add_run_flags(CLI::App& command, const std::shared_ptr<DirectoryCall>& call);
/// Throws UsageError for a call that contradicts itself.
void check_call(const DirectoryCall& call);
/// The settings in a file as assign() takes them, without the line that names the command if it is `command`.
OptionList settings_given(nlohmann::json settings, const std::string& command, const std::string& file);

/// The settings of a run of `command`: those of the run to resume or of the file, then those given, checked. `resumable` throws where
/// these may not be given to a resumed run.
template <class Config, class Resumable>
Config merged_settings(const DirectoryCall& call, const OptionList& given, const std::string& command,
                       const Resumable& resumable) {
  check_call(call);
  Config config;
  const auto from = [&](const nlohmann::json& settings, const std::string& file) {
    try {
      assign(config, settings_given(settings, command, file));
    } catch (const UsageError& e) {
      const std::string what = e.what();
      throw UsageError(what.starts_with(file) ? what : file + ": " + what);
    }
  };
  if (!call.resume.empty()) {
    resumable(given);
    const RunDirectory run = RunDirectory::open(call.resume);
    from(run.settings_of(command), run.file("config.json"));
  } else if (!call.config_file.empty()) {
    from(read_json(call.config_file), call.config_file);
  }
  assign(config, given);
  check(config);
  return config;
}

/// What tells one command that trains in rounds from the next.
template <class Config, class Training>
struct RoundsCommand {
  const char* command;
  void (*check_resumable)(const OptionList& given);
  std::string (*run_name)(const Config& config);
  std::string (*csv_header)();
  int64 (*rounds)(const Training& training);  ///< that are over
  void (*print)(const nlohmann::ordered_json& result);
};
/// Runs such a command: settings, run directory, rounds, the result. The exit code.
template <class Config, class Training>
int train_in_rounds(const RoundsCommand<Config, Training>& c, const DirectoryCall& call,
                    const OptionList& given) {
  Config config = merged_settings<Config>(call, given, c.command, c.check_resumable);
  if (call.print_config) {
    print(config_json(config).dump(2) + "\n");
    return kOk;
  }
  use_threads(config.threads);
  config.threads = threads();  // recorded
  check_save_path(config.save);
  const InterruptScope
      signals;  // from before the run directory is made, so that what is there can be resumed
  Training training(config);
  const RunDirectory run = call.resume.empty() ? RunDirectory::create(call.out, c.run_name(config), c.command,
                                                                      config_json(config), c.csv_header())
                                               : RunDirectory::open(call.resume);
  if (!call.resume.empty()) run.write_settings(c.command, config_json(config));
  if (!training.train(run, call.quiet)) {
    note(fmt::format("gradus: interrupted after round {}; all is saved, 'gradus {} --resume {}' goes on\n",
                     c.rounds(training), c.command, run.path()));
    return kInterrupted;
  }
  const auto result = training.result(run.path());
  call.json ? print_json(result) : c.print(result);
  return kOk;
}

}  // namespace gradus
