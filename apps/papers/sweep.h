// The same training at every value of an option: how much its result hangs on it.
#pragma once

#include <string>
#include <vector>

#include "apps/papers/experiment.h"

namespace gradus {

/// A score that more is better of, by value; 0 where the training diverged.
struct Sweep {
  std::string key;
  std::vector<double> values, scores;
  std::vector<bool> diverged;

  double best() const;
  double worst() const;
  double mean() const;
  /// Values whose score is less than `margin` below the best one.
  int64 near_best(double margin) const;
  /// Of one of the values. Throws UsageError for another.
  double at(double value) const;
  /// Metrics accuracy_best, accuracy_worst, accuracy_mean, accuracy_spread (best - worst), usable_count (near_best(0.01)),
  /// diverged_count; curve accuracy over the key.
  void report(Outcome& outcome) const;
};

/// Trains `config` once a value, with the trial's seed; the score is the final test accuracy (of a validation split while
/// tuning). `key` as in Arm::tune.
Sweep sweep(const Trial& trial, const TrainConfig& config, const std::string& key,
            const std::vector<double>& values);

}  // namespace gradus
