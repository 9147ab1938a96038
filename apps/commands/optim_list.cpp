#include "apps/commands/optim_list.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>

#include "apps/cli/flags.h"
#include "apps/cli/output.h"
#include "apps/cli/program.h"
#include "apps/cli/terminal.h"
#include "apps/commands/optim_table.h"
#include "apps/commands/registry_commands.h"
#include "core/error.h"
#include "core/glob.h"
#include "optim/schedule.h"

namespace gradus {
namespace {

struct ListOptions : OptimizerFilter {
  bool json = false, markdown = false;
  std::string scores;
  void visit(auto&& f) {
    OptimizerFilter::visit(f);
    f("json", json, "print one JSON object");
    f("markdown", markdown, "the page optim/rules/TABLE.md");
    f("scores", scores, "recorded scores for that page (optim/rules/scores.tsv)");
  }
};

void check_word(const std::string& what, const std::string& word, const std::vector<std::string>& valid) {
  if (!word.empty() && std::find(valid.begin(), valid.end(), word) == valid.end())
    throw UsageError(unknown_name(what, word, valid));
}

// Families in order, each with its entries.
std::vector<std::pair<std::string, std::vector<const OptimizerEntry*>>> by_family(
    const std::vector<const OptimizerEntry*>& entries) {
  std::vector<std::pair<std::string, std::vector<const OptimizerEntry*>>> families;
  for (const OptimizerEntry* e : entries) {
    if (families.empty() || families.back().first != e->family) families.push_back({e->family, {}});
    families.back().second.push_back(e);
  }
  return families;
}

// What every list says of its entries, and what is an optimizer's alone.
nlohmann::ordered_json json_of(const std::vector<const OptimizerEntry*>& entries) {
  std::vector<Listed> listed;
  for (const OptimizerEntry* e : entries) listed.push_back({e->text.name, e->text.summary, e->options});
  nlohmann::ordered_json json = list_json("optimizer", listed);
  for (size_t i = 0; i < entries.size(); ++i) {
    const OptimizerEntry& e = *entries[i];
    const OptimizerTraits traits = traits_of(e);
    json["entries"][i].update({{"family", e.family},
                               {"kind", e.kind()},
                               {"paper", e.text.paper},
                               {"source", e.text.source},
                               {"needs", need_names(traits.needs)},
                               {"matrix", traits.matrix}});
  }
  auto& families = json["families"] = nlohmann::ordered_json::object();
  for (const auto& [family, members] : by_family(entries)) families[family] = members.size();
  json["count"] = entries.size();
  return json;
}

// Schedules share the list's filters, but are no optimizers.
int list_schedules(const std::string& pattern, const ListOptions& options) {
  if (!options.family.empty() || !options.needs.empty() || options.matrix || options.markdown)
    throw UsageError("--kind schedule: schedules have no family, needs or rows, and no page");
  std::vector<std::string> names;
  std::vector<std::vector<std::string>> rows;
  std::vector<Listed> listed;
  for (const ScheduleEntry& entry : schedules()) {
    names.push_back(entry.name);
    if (!glob_match(pattern, entry.name)) continue;
    rows.push_back({"  " + entry.name, entry.summary});
    listed.push_back({entry.name, entry.summary, entry.options});
  }
  if (rows.empty()) throw UsageError(unknown_name("schedule", pattern, names));
  if (options.json)
    print_json(list_json("schedule", listed));
  else
    print(fmt::format("schedule ({})\n{}", rows.size(), columns(rows)));
  return kOk;
}

int list(const std::string& pattern, const ListOptions& options) {
  if (options.kind == "schedule") return list_schedules(pattern, options);
  if (!options.scores.empty() && !options.markdown) throw UsageError("--scores is for --markdown");
  const auto entries = select_optimizers(pattern, options);
  if (options.json)
    print_json(json_of(entries));
  else if (options.markdown)
    print(optimizer_page(entries, options.scores.empty() ? ScoreTable{} : read_scores(options.scores)));
  else
    print(optimizer_list(entries));
  return kOk;
}

}  // namespace

std::vector<const OptimizerEntry*> select_optimizers(const std::string& pattern,
                                                     const OptimizerFilter& filter) {
  std::vector<std::string> names, families, needs{"gradient"};
  for (const OptimizerEntry& e : optimizers()) {
    names.push_back(e.text.name);
    if (families.empty() || families.back() != e.family) families.push_back(e.family);
  }
  for (const NeedText& t : need_texts()) needs.emplace_back(t.name);
  check_word("family", filter.family, families);
  check_word("need", filter.needs, needs);
  std::vector<const OptimizerEntry*> chosen;
  bool named = false;
  for (const OptimizerEntry& e : optimizers()) {
    if (!glob_match(pattern, e.text.name)) continue;
    named = true;
    if (!filter.family.empty() && e.family != filter.family) continue;
    if (!filter.kind.empty() && e.kind() != filter.kind) continue;
    if (!filter.needs.empty() || filter.matrix) {
      const OptimizerTraits traits = traits_of(e);
      const auto asked = need_names(traits.needs);
      if (filter.matrix && !traits.matrix) continue;
      if (!filter.needs.empty() && std::find(asked.begin(), asked.end(), filter.needs) == asked.end())
        continue;
    }
    chosen.push_back(&e);
  }
  if (!named) throw UsageError(unknown_name("optimizer", pattern, names));
  return chosen;
}

std::string optimizer_list(const std::vector<const OptimizerEntry*>& entries) {
  size_t widest = 0;
  for (const OptimizerEntry* e : entries) widest = std::max(widest, e->text.name.size());
  std::string out;
  for (const auto& [family, members] : by_family(entries)) {
    out += fmt::format("{}{} ({})\n", out.empty() ? "" : "\n", family, members.size());
    for (const OptimizerEntry* e : members)
      out += fmt::format("  {:{}}  {}\n", e->text.name, widest, e->text.summary);
  }
  return out +
         fmt::format("{}{} of {} optimizers\n", out.empty() ? "" : "\n", entries.size(), optimizers().size());
}

void add_optimizer_list(CLI::App& optim, Action& action) {
  CLI::App* sub = optim.add_subcommand("list", "names and one line each, by family");
  auto pattern = std::make_shared<std::string>("*");
  auto given = std::make_shared<OptionList>();
  sub->add_option("GLOB", *pattern, "only names that match, e.g. 'ada*'")->type_name("");
  add_flags<ListOptions>(*sub, given);
  sub->callback([=, &action] {
    action = [=] {
      ListOptions options;
      assign(options, *given);
      return list(*pattern, options);
    };
  });
}

}  // namespace gradus
