// Parameter groups: options that differ for some parameters, chosen by name or kind.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "autograd/parameter.h"
#include "core/options.h"

namespace gradus {

/// Parameters that match get `options` over the optimizer's own; what is not named stays as it was.
struct GroupSpec {
  std::vector<std::string> names;  ///< name patterns ("*.bias", "fc?.weight"); empty: any name
  std::vector<ParamKind> kinds;    ///< empty: any kind
  /// Keys of the optimizer. A wrapper keeps the keys it knows and hands the others to the rule inside it.
  OptionList options;
  /// Keys for the rule inside a wrapper, where both know a key of that name.
  OptionList base_options = {};

  bool matches(const Parameter& p) const;
};

/// "PATTERN[+PATTERN...]:key=value,..." or "kind=bias+norm:key=value,...". Throws UsageError for an unknown
/// kind and for a text without options.
GroupSpec parse_group(std::string_view text);

/// Throws UsageError, naming the parameters, for a group that none of them is in: no parameter matches one of its
/// patterns or any of its kinds, or all that match are in groups before it.
void check_groups(const std::vector<GroupSpec>& groups, const Parameters& parameters);

/// The groups as a rule takes them that is not wrapped: base_options are refused (UsageError).
std::vector<GroupSpec> groups_for_rule(const std::vector<GroupSpec>& groups);

/// 1 + index of the first group that matches, 0 for none.
int group_of(const Parameter& p, const std::vector<GroupSpec>& groups);

}  // namespace gradus
