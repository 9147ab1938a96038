// Figures that stand for a tensor in tests/fixtures: sum, norm, largest size and a few elements.
#pragma once

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "tests/nn/hashed.h"

namespace gradus::tests {

/// A tensor against its digest: elements over the largest, sums over norm * sqrt(size), norms relatively.
inline double digest_distance(const Tensor& t, const nlohmann::json& digest) {
  const double norm = digest["norm"], largest = std::max(digest["max"].get<double>(), 1e-30);
  double sum = 0, squares = 0;
  for (real v : t.span())
    sum += static_cast<double>(v), squares += static_cast<double>(v) * static_cast<double>(v);
  double worst = std::abs(sum - digest["sum"].get<double>()) /
                 (std::max(norm, 1e-30) * std::sqrt(static_cast<double>(t.numel())));
  worst = std::max(worst, std::abs(std::sqrt(squares) - norm) / std::max(norm, 1e-30));
  const auto sample = digest["sample"].get<std::vector<double>>();
  const IntTensor picks = integers({static_cast<int64>(sample.size())}, 7, t.numel());
  for (size_t i = 0; i < sample.size(); ++i)
    worst = std::max(
        worst, std::abs(static_cast<double>(t.data()[picks[static_cast<int64>(i)]]) - sample[i]) / largest);
  return worst;
}

}  // namespace gradus::tests
