#include "apps/train/scaled_groups.h"

#include <algorithm>

#include "core/error.h"

namespace gradus {

std::vector<GroupSpec> scaled_groups(const Parameters& parameters, const std::vector<GroupSpec>& groups,
                                     const OptionFactors& factors, const Optimizer& plain, const char* flag) {
  // Parameters of one group may have options of their own (muon and its companion): a group for each set of values.
  struct Part {
    int group;
    OptionList values;
    std::vector<std::string> names;
  };
  std::vector<Part> parts;
  for (size_t i = 0; i < parameters.size(); ++i) {
    const Parameter& p = *parameters[i];
    OptionList values;
    for (const auto& [key, factor] : factors[i]) {
      const auto own = plain.option(p, key);
      if (own)
        values.emplace_back(key, fmt::format("{}", *own * factor));
      else if (key == "lr")
        fail<UsageError>("{}: optimizer {} has no step size lr for {}", flag, plain.name(), p.name);
    }
    const int group = group_of(p, groups);
    auto found = std::find_if(parts.begin(), parts.end(),
                              [&](const Part& part) { return part.group == group && part.values == values; });
    if (found == parts.end()) found = parts.insert(found, {group, values, {}});
    found->names.push_back(p.name);
  }
  std::vector<GroupSpec> all;
  for (const Part& part : parts) {
    GroupSpec own;
    if (part.group) own = groups[static_cast<size_t>(part.group) - 1];
    own.names = part.names;
    own.kinds.clear();
    for (const auto& [key, value] : part.values) {
      std::erase_if(own.options, [&, k = key](const auto& option) { return option.first == k; });
      own.options.emplace_back(key, value);
    }
    if (own.options.empty() && own.base_options.empty()) continue;
    all.push_back(std::move(own));
  }
  return all;
}

}  // namespace gradus
