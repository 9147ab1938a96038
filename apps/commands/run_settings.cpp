#include "apps/commands/run_settings.h"

#include "core/error.h"

namespace gradus {

void add_run_flags(CLI::App& command, const std::shared_ptr<DirectoryCall>& call) {
  command.add_option("--out", call->out, "run directory; else one below ./runs named after the run")
      ->type_name("DIR");
  command.add_option("--resume", call->resume, "continue the run in this directory, bit for bit")
      ->type_name("DIR");
  command
      .add_option("--config", call->config_file,
                  "settings from a JSON file, such as a run's config.json; flags win over it")
      ->type_name("FILE");
  command.add_flag("--print-config", call->print_config, "print the settings as JSON and stop");
  command.add_flag("--json", call->json, "print the result as one JSON object");
  command.add_flag("--quiet", call->quiet, "no progress on stderr");
}

void check_call(const DirectoryCall& call) {
  if (call.resume.empty()) return;
  if (!call.out.empty()) fail<UsageError>("--resume DIR goes on in DIR; it takes no --out");
  if (!call.config_file.empty()) fail<UsageError>("--resume DIR has its own settings; it takes no --config");
}

OptionList settings_given(nlohmann::json settings, const std::string& command, const std::string& file) {
  if (settings.is_object() && settings.value("command", command) == command) settings.erase("command");
  return given_in_json(settings, file);
}

}  // namespace gradus
