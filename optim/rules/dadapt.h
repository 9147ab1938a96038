// Words shared by the D-Adaptation rules.
// Paper: Defazio, Mishchenko, "Learning-Rate-Free Learning by D-Adaptation", ICML 2023, arXiv 2301.07733.
#pragma once

#include <algorithm>
#include <optional>
#include <string>

#include "core/error.h"
#include "optim/rule.h"

namespace gradus::rules {

/// d = max(d, min(d_hat, d*growth_rate)): d never falls.
inline void grow(double& d, double d_hat, const std::optional<double>& growth_rate) {
  d = std::max(d, growth_rate ? std::min(d_hat, d * *growth_rate) : d_hat);
}

/// A group has the common lr, or 0: it is frozen.
template <class Options>
void check_common_lr(const Pass<Options>& pass, const std::string& name) {
  for (const auto& item : pass.items)
    if (item.o.lr != pass.options.lr && item.o.lr != 0)
      fail<UsageError>("optimizer {}: a group's lr must be the common one or 0 (frozen), not {}", name,
                       item.o.lr);
}

inline double sum_of_sizes(const Tensor& t) {
  return sum_elements(t, [](real x) { return static_cast<double>(x < 0 ? -x : x); });
}

}  // namespace gradus::rules
