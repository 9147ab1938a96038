// What a paper's experiment left: claims with figures, arms with settings, tuning, seeds and curves. Written as
// results/<slug>.json; lists, READMEs and reports are made of it, never typed.
#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "core/real.h"

namespace gradus {

enum class Verdict { kShown, kNotShown, kWithinNoise };
/// "shown", "not shown", "within noise".
const char* verdict_name(Verdict verdict);
/// Throws DataError for another word.
Verdict verdict_of(const std::string& name);

/// A curve of one run: y over x, x increasing.
struct Curve {
  std::string x_label;  ///< "epoch", "step", "round", "epsilon"
  std::vector<double> x, y;
  bool operator==(const Curve&) const = default;
};

/// What one run of an arm gave.
struct Outcome {
  std::map<std::string, double> metrics;  ///< "test_accuracy" as a share
  std::map<std::string, Curve> curves;    ///< "test_loss"
  bool diverged = false;
  std::string note;  ///< why it diverged
  double seconds = 0;
};

struct TrialRecord {
  std::map<std::string, std::string> options;  ///< the tuned keys: {"lr": "0.001"}
  double score = 0;                            ///< mean over the tuning seeds of the metric tuned for
  bool diverged = false;
};

struct ArmRecord {
  std::string name, setting;      ///< setting: "" where there is one alone
  nlohmann::ordered_json config;  ///< everything that decides a run but its seed, as chosen
  std::string command;            ///< the same as a line of `gradus train`, "" for arms that are functions
  std::string tuned_for;          ///< "validation_accuracy"; "" where nothing was tuned
  std::string untuned;            ///< why it has no trials where other arms have
  std::vector<TrialRecord> trials;
  std::map<std::string, std::string> chosen;
  std::vector<int64> seeds;
  std::vector<Outcome> outcomes;  ///< one a seed
  /// What a reader should know: "lr = 0.003 is the end of its grid".
  std::vector<std::string> warnings;
};

struct ClaimRecord {
  std::string text;  ///< "higher test accuracy than Adam"
  std::string kind;  ///< "better", "not worse", "equal", "at most", "at least", "ratio", ...
  std::vector<std::string> arms;
  std::string metric;
  double margin = 0;    ///< in the metric's unit; the bound of bounds
  bool central = true;  ///< decides the paper's verdict; others are only reported
  Verdict verdict = Verdict::kWithinNoise;
  double estimate = 0;       ///< mean difference, mean, or ratio that is tested
  double low = 0, high = 0;  ///< its 90 % confidence interval (one-sided 95 %)
  double p = 1;              ///< of the one-sided test in the claim's direction
};

struct Record {
  std::string slug, command, version;
  std::string machine;  ///< processor, jobs and threads of each: "AMD EPYC 7B13, 2 jobs of 1 thread"
  Verdict verdict = Verdict::kWithinNoise;  ///< of the weakest central claim
  std::vector<ClaimRecord> claims;
  std::vector<ArmRecord> arms;
  std::vector<int64> seeds;
  bool quick = false;
  double minutes = 0;
};

/// Curves thinned to at most 60 points and numbers cut to 6 digits; every time is in the member "times", so that two
/// records of the same runs are equal without it.
nlohmann::ordered_json record_json(const Record& record);
/// The same as text for a file: lists of numbers on one line.
std::string record_text(const Record& record);
/// Throws DataError, opened by `source`, for what is missing or of another type.
Record record_from_json(const nlohmann::json& json, const std::string& source);

/// An outcome in full, for the store of finished runs; without its seconds.
nlohmann::ordered_json outcome_json(const Outcome& outcome);
/// Throws DataError, opened by `source`.
Outcome outcome_from_json(const nlohmann::json& json, const std::string& source);

}  // namespace gradus
