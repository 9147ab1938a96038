// Adaptive-k: a loss threshold for mini-batches with wrong labels.
//
// Paper: Dedeoglu, Kesgin, Amasyali, "A Robust Optimization Method for Label Noisy Datasets Based on Adaptive Threshold: Adaptive-k",
//        Frontiers of Computer Science 18(4), 2024, arXiv 2203.14165; reference code enesdedeoglu-TR/Adaptive-k.
//   L = mean of all losses of the batch, kept and dropped alike
//   m = beta1*m + (1-beta1)*L;  v = beta2*v + (1-beta2)*L^2        (from 0, never corrected for that, over all epochs)
//   threshold = m/(sqrt(v) + eps);  keep = {i : l_i <= threshold}
// The threshold is a ratio, without a unit: while L falls, m leads v and it sinks, from "almost all" towards about 1 nat.
// Additions: `ema`, the mean of L itself corrected for its start, off by default. Departure: where nothing is kept there is no step
// (the reference goes back through a loss that is stale there, a slip).
#pragma once

#include <span>
#include <string>
#include <vector>

#include "core/options.h"

namespace gradus {

struct AdaptiveThresholdOptions {
  double beta1 = 0.9, beta2 = 0.999, eps = 1e-8;
  void visit(auto&& f) {
    f("beta1", beta1, "decay of the mean loss", decay_rate());
    f("beta2", beta2, "decay of the mean squared loss", decay_rate());
    f("eps", eps, "added to the root", at_least(0));
  }
};

class AdaptiveThreshold {
 public:
  explicit AdaptiveThreshold(const AdaptiveThresholdOptions& options = {}) : options_(options) {}

  /// Takes in the mean loss L of a batch; the threshold for this batch.
  double next(double mean_loss);
  /// The mean of L itself, corrected for its start at 0, after next(); 0 before.
  double ema() const;

  double m() const { return m_; }
  double v() const { return v_; }
  int64 batches() const { return batches_; }
  void set(double m, double v, int64 batches) { m_ = m, v_ = v, batches_ = batches; }

 private:
  AdaptiveThresholdOptions options_;
  double m_ = 0, v_ = 0;
  int64 batches_ = 0;
};

/// 1 where a loss is at most `threshold`. NaN is never kept.
std::vector<char> losses_within(std::span<const double> losses, double threshold);
/// 1 for the k smallest losses, all where k is at least their number; of equals the lower index first. NaN comes last.
/// MKL: Shah, Wu, Sanghavi, "Choosing the Sample with Lowest Loss makes SGD Robust", AISTATS 2020, arXiv 2001.03316.
std::vector<char> smallest_losses(std::span<const double> losses, int64 k);

}  // namespace gradus
