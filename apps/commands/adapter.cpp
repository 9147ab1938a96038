// gradus adapter: what may stand beside the layers of a frozen network.
#include "apps/cli/commands.h"
#include "apps/cli/output.h"
#include "apps/cli/program.h"
#include "apps/commands/registry_commands.h"
#include "nn/adapters/registry.h"

namespace gradus {
namespace {

int show_adapter(const std::string& text) {
  const AdapterEntry& entry = find_adapter(parse_spec(text).name);
  check_adapter_spec(text);
  print(fmt::format("{}: {}\n\npaper    {}\nsource   {}\n\n{}", entry.name, entry.summary, entry.paper,
                    entry.source, options_table(entry.options)));
  return kOk;
}

}  // namespace

void add_adapter(CLI::App& app, Action& action) {
  CLI::App* adapter = app.add_subcommand("adapter", "adapters beside frozen layers: list, show NAME");
  add_list(*adapter, action, "adapter", [] {
    std::vector<Listed> all;
    for (const AdapterEntry& e : adapters()) all.push_back({e.name, e.summary, e.options});
    return all;
  });
  CLI::App* one = adapter->add_subcommand("show", "paper, source and options of one");
  auto name = std::make_shared<std::string>();
  one->add_option("NAME", *name, "NAME[:key=value,...]")->required()->type_name("");
  one->callback([=, &action] { action = [=] { return show_adapter(*name); }; });
}

}  // namespace gradus
