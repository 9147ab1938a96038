// Masks of gradients, tensor by tensor: see gradient_mask.cpp for the wrapper and its paper.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "core/options.h"
#include "optim/registry.h"

namespace gradus {

struct GradientMaskOptions {
  double keep_ratio = 0.2;
  std::string selection = "largest";
  void visit(auto&& f) {
    f("keep_ratio", keep_ratio, "share of each tensor's entries that is kept; one entry at least",
      Limits{.low = 0, .high = 1, .low_open = true});
    f("selection", selection,
      "which entries: the largest or smallest gradients, drawn anew each step, or the largest of the first "
      "step for good",
      choices({"largest", "smallest", "random", "fixed"}));
  }
};

/// 1 where the entry is kept: those whose score is at least the K-th largest, K = max(1, floor(keep_ratio*N)), ties keep more.
/// Scores: |g| (largest, fixed), -|g| (smallest), `random` (random; as long as g, else not looked at). Throws ShapeError.
std::vector<std::uint8_t> gradient_mask(std::span<const real> g, const GradientMaskOptions& options,
                                        std::span<const double> random = {});

/// The mean of several gradients, masked: by one mask of the mean, or (micro) each by its own, the mask being their union.
struct MaskedGradient {
  std::vector<std::uint8_t> mask;
  std::vector<double> gradient;
};
MaskedGradient masked_mean(std::span<const std::vector<real>> gradients, const GradientMaskOptions& options,
                           bool micro, std::span<const double> random = {});

namespace rules {
OptimizerEntry gradient_mask_tuning();
}  // namespace rules

}  // namespace gradus
