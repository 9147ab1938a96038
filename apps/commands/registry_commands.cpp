#include "apps/commands/registry_commands.h"

#include <algorithm>
#include <memory>

#include "apps/cli/output.h"
#include "apps/cli/program.h"
#include "apps/cli/terminal.h"
#include "core/error.h"
#include "core/glob.h"

namespace gradus {

nlohmann::ordered_json list_json(const std::string& kind, const std::vector<Listed>& entries) {
  nlohmann::ordered_json json = {{"kind", kind}, {"entries", nlohmann::ordered_json::array()}};
  for (const Listed& entry : entries) {
    auto options = nlohmann::ordered_json::array();
    for (const OptionInfo& o : entry.options)
      options.push_back({{"name", o.name},
                         {"type", o.type},
                         {"default", o.default_value},
                         {"range", o.limits},
                         {"help", o.help}});
    json["entries"].push_back({{"name", entry.name}, {"summary", entry.summary}, {"options", options}});
  }
  return json;
}

void add_list(CLI::App& app, Action& action, const std::string& kind,
              std::function<std::vector<Listed>()> all) {
  CLI::App* sub = app.add_subcommand("list", "names and one line each");
  auto pattern = std::make_shared<std::string>("*");
  sub->add_option("GLOB", *pattern, "only names that match, e.g. 'ada*'")->type_name("");
  auto json = std::make_shared<bool>(false);
  sub->add_flag("--json", *json, "print one JSON object, with the options of each");
  sub->callback([=, &action] {
    action = [=] {
      std::vector<std::vector<std::string>> rows;
      std::vector<std::string> names;
      std::vector<Listed> entries;
      for (const Listed& entry : all()) {
        names.push_back(entry.name);
        if (!glob_match(*pattern, entry.name)) continue;
        rows.push_back({entry.name, entry.summary});
        entries.push_back(entry);
      }
      if (rows.empty()) throw UsageError(unknown_name(kind, *pattern, names));
      if (*json)
        print_json(list_json(kind, entries));
      else
        print(columns(rows));
      return kOk;
    };
  });
}

void add_table(CLI::App& app, Action& action, const std::string& word, const std::string& help,
               const std::string& kind, std::function<std::vector<Listed>()> all,
               std::function<std::string(size_t)> show) {
  CLI::App* sub = app.add_subcommand(word, help);
  auto name = std::make_shared<std::string>();
  sub->add_option("NAME", *name, "its name")->type_name("");
  auto json = std::make_shared<bool>(false);
  sub->add_flag("--json", *json, "print one JSON object, with the options of each");
  sub->callback([=, &action] {
    action = [=]() -> int {
      std::vector<std::vector<std::string>> rows;
      std::vector<std::string> names;
      const std::vector<Listed> entries = all();
      for (const Listed& entry : entries) {
        rows.push_back({entry.name, entry.summary});
        names.push_back(entry.name);
      }
      if (name->empty()) {
        *json ? print_json(list_json(kind, entries)) : print(columns(rows));
        return kOk;
      }
      for (size_t i = 0; i < names.size(); ++i)
        if (names[i] == *name) {
          *json ? print_json(list_json(kind, {entries[i]})) : print(show(i));
          return kOk;
        }
      throw UsageError(unknown_name(kind, *name, names));
    };
  });
}

std::string options_table(const std::vector<OptionInfo>& options) {
  if (options.empty()) return "no options\n";
  // A long list of words stands behind the meaning, so that the columns stay narrow.
  constexpr size_t kWidestRange = 24;
  std::vector<std::vector<std::string>> rows = {{"option", "default", "range", "meaning"}};
  for (const OptionInfo& o : options) {
    const bool wide = o.limits.size() > kWidestRange;
    rows.push_back({o.name, o.default_value.empty() ? "-" : o.default_value,
                    o.limits.empty() || wide ? o.type : o.limits, o.help + (wide ? ": " + o.limits : "")});
  }
  size_t before = 0;  // width of the columns before the meaning
  for (size_t c = 0; c < 3; ++c) {
    size_t widest = 0;
    for (const auto& row : rows) widest = std::max(widest, row[c].size());
    before += widest + 2;
  }
  const int indent = static_cast<int>(before);
  for (auto& row : rows) row[3] = wrapped(row[3], indent, std::max(kPageWidth, indent + 40));
  return columns(rows);
}

}  // namespace gradus
