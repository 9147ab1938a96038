// What commands share that train something into a run directory: where it goes, where its settings come from.
#pragma once

#include <CLI/CLI.hpp>
#include <memory>
#include <string>

#include "apps/cli/flags.h"
#include "apps/train/run_dir.h"
#include "core/json_file.h"

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

}  // namespace gradus
