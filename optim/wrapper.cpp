#include "optim/wrapper.h"

#include <algorithm>

namespace gradus {
namespace {

bool knows(const std::vector<std::string>& own, const std::string& key) {
  return std::find(own.begin(), own.end(), key) != own.end();
}

}  // namespace

std::vector<GroupSpec> inner_groups(const std::vector<GroupSpec>& groups,
                                    const std::vector<std::string>& own) {
  std::vector<GroupSpec> inner = groups;
  for (GroupSpec& group : inner) {
    std::erase_if(group.options, [&](const auto& option) { return knows(own, option.first); });
    group.options.insert(group.options.end(), group.base_options.begin(), group.base_options.end());
    group.base_options.clear();
  }
  return inner;
}

std::vector<GroupSpec> outer_groups(const std::vector<GroupSpec>& groups,
                                    const std::vector<std::string>& own) {
  std::vector<GroupSpec> outer = groups;
  for (GroupSpec& group : outer) {
    std::erase_if(group.options, [&](const auto& option) { return !knows(own, option.first); });
    group.base_options.clear();
  }
  return outer;
}

}  // namespace gradus
