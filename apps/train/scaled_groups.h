// Parameter groups whose numeric options are the parameter's own times a factor: layer-wise decay of step sizes, muP.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "optim/group.h"
#include "optim/optimizer.h"

namespace gradus {

/// Factors on options by key ("lr", "weight_decay"), one map a parameter.
using OptionFactors = std::vector<std::map<std::string, double>>;

/// `groups` taken apart so that every parameter has its own options times its factors. `plain` is the optimizer with `groups`.
/// An option that the parameter's rule has not is passed over, but "lr": throws UsageError, opened by `flag`.
std::vector<GroupSpec> scaled_groups(const Parameters& parameters, const std::vector<GroupSpec>& groups,
                                     const OptionFactors& factors, const Optimizer& plain, const char* flag);

}  // namespace gradus
