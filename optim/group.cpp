#include "optim/group.h"

#include <algorithm>

#include "core/error.h"
#include "core/glob.h"

namespace gradus {
namespace {

constexpr ParamKind kKinds[] = {ParamKind::kWeight, ParamKind::kBias, ParamKind::kNorm, ParamKind::kEmbedding,
                                ParamKind::kHead};

ParamKind parse_kind(const std::string& word) {
  std::vector<std::string> valid;
  for (ParamKind kind : kKinds) {
    if (word == kind_name(kind)) return kind;
    valid.emplace_back(kind_name(kind));
  }
  throw UsageError(unknown_name("parameter kind", word, valid));
}

}  // namespace

bool GroupSpec::matches(const Parameter& p) const {
  const auto fits = [&](const std::string& pattern) { return glob_match(pattern, p.name); };
  return (names.empty() || std::any_of(names.begin(), names.end(), fits)) &&
         (kinds.empty() || std::find(kinds.begin(), kinds.end(), p.kind) != kinds.end());
}

GroupSpec parse_group(std::string_view text) {
  const size_t colon = text.find(':');
  if (colon == std::string_view::npos || colon == 0 || colon + 1 == text.size())
    fail<UsageError>("parameter group '{}' is not of the form PATTERN:key=value or kind=KIND:key=value",
                     text);
  GroupSpec group;
  group.options = parse_options(text.substr(colon + 1));
  std::string_view who = text.substr(0, colon);
  const bool by_kind = who.starts_with("kind=");
  if (by_kind) who.remove_prefix(5);
  while (true) {
    const size_t plus = who.find('+');
    const std::string word(who.substr(0, plus));
    if (by_kind) {
      group.kinds.push_back(parse_kind(word));
    } else {
      group.names.push_back(word);
    }
    if (plus == std::string_view::npos) return group;
    who.remove_prefix(plus + 1);
  }
}

void check_groups(const std::vector<GroupSpec>& groups, const Parameters& parameters) {
  const auto refuse = [&](const std::string& what) {
    std::vector<std::string> all;
    for (const auto& p : parameters) all.push_back(fmt::format("{} ({})", p->name, kind_name(p->kind)));
    fail<UsageError>("parameter group: {}; there are: {}", what, fmt::join(all, ", "));
  };
  const auto none = [&](const auto& fits) {
    return std::none_of(parameters.begin(), parameters.end(), [&](const auto& p) { return fits(*p); });
  };
  for (size_t i = 0; i < groups.size(); ++i) {
    const GroupSpec& group = groups[i];
    for (const std::string& pattern : group.names)
      if (none([&](const Parameter& p) { return glob_match(pattern, p.name); }))
        refuse(fmt::format("no parameter matches '{}'", pattern));
    std::vector<std::string> kinds;
    for (const ParamKind kind : group.kinds) kinds.emplace_back(kind_name(kind));
    if (none([&](const Parameter& p) { return group.matches(p); }))
      refuse(fmt::format("no parameter is of kind {}", fmt::join(kinds, " or ")));
    if (none([&](const Parameter& p) { return group_of(p, groups) == static_cast<int>(i) + 1; }))
      refuse(fmt::format("all that match '{}' are in groups before it",
                         fmt::join(group.names.empty() ? kinds : group.names, "+")));
  }
}

std::vector<GroupSpec> groups_for_rule(const std::vector<GroupSpec>& groups) {
  for (const GroupSpec& group : groups)
    if (!group.base_options.empty())
      fail<UsageError>("parameter group: base option '{}' given, but the optimizer is not a wrapper",
                       group.base_options.front().first);
  return groups;
}

int group_of(const Parameter& p, const std::vector<GroupSpec>& groups) {
  for (size_t i = 0; i < groups.size(); ++i)
    if (groups[i].matches(p)) return static_cast<int>(i) + 1;
  return 0;
}

}  // namespace gradus
