// `list [GLOB]` and `show NAME`, which the registries have in common.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "apps/cli/commands.h"
#include "core/options.h"

namespace gradus {

/// A line of a list.
struct Listed {
  std::string name, summary;
  std::vector<OptionInfo> options = {};  ///< for --json
};
/// A list as --json prints it: {"kind": "optimizer", "entries": [{"name", "summary", "options"}]}.
nlohmann::ordered_json list_json(const std::string& kind, const std::vector<Listed>& entries);

/// Adds "list [GLOB] [--json]" to the command `app`. A pattern that matches nothing is a UsageError.
void add_list(CLI::App& app, Action& action, const std::string& kind,
              std::function<std::vector<Listed>()> all);

/// Adds "`word` [NAME] [--json]" to `app`: all of a smaller table, or what `show` says of one. An unknown name is a UsageError.
void add_table(CLI::App& app, Action& action, const std::string& word, const std::string& help,
               const std::string& kind, std::function<std::vector<Listed>()> all,
               std::function<std::string(size_t)> show);

/// Options as a table: name, default, range and meaning.
std::string options_table(const std::vector<OptionInfo>& options);

}  // namespace gradus
