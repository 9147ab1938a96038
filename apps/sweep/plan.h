// What a sweep tries: settings of training of which some have several values, and the trials that come of them.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "apps/train/config.h"

namespace gradus {

/// A place in a setting's text that has several values: "1e-4..1e-2/5" (five, each the same factor above the one before; from 0 or
/// below in equal steps) or "{relu|tanh}". Without a count, "1e-4..1e-2", a range is for random trials.
struct SweepAxis {
  std::string key;    ///< the setting: "optim"
  std::string name;   ///< what is varied within it, for tables: "lr"; else the key
  size_t begin, end;  ///< the place in the text
  double low = 0, high = 0;
  int64 count = 0;                 ///< of a range; 0: not given
  std::vector<std::string> words;  ///< of a set

  std::vector<std::string> values() const;
};
/// All axes of a setting's text. Throws UsageError for a range that is none (high < low, a count below 2).
std::vector<SweepAxis> axes_of(const std::string& key, const std::string& text);

struct SweepTrial {
  std::vector<std::string> values;  ///< one an axis
  OptionList settings;              ///< the settings that have axes, filled in
};

struct SweepPlan {
  OptionList given;  ///< settings of training as the user gave them
  std::vector<SweepAxis> axes;
  std::vector<SweepTrial> trials;
  int64 seeds = 1, halving = 0;

  /// Settings of a run. Throws UsageError where they make no sense.
  TrainConfig config(size_t trial, int64 seed_number) const;
};
/// All combinations, or `random` ones drawn by `draw_seed`: ranges evenly over the logarithm (from 0 or below over the values), sets
/// evenly. Throws UsageError where nothing varies, and for ranges without a count unless trials are random.
SweepPlan make_sweep(const OptionList& given, std::optional<int64> random, int64 draw_seed);

nlohmann::ordered_json plan_json(const SweepPlan& plan);
/// The opposite. Throws DataError, opened by `file`.
SweepPlan plan_from(const nlohmann::json& json, const std::string& file);

/// "90", "90s", "30m", "1.5h" in seconds. Throws UsageError for anything else.
double parse_duration(const std::string& text, const std::string& flag);

}  // namespace gradus
