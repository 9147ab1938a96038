// Pairs of responses, the model that is to prefer the chosen ones, and the reference that holds it: losses and scores of some pairs.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "apps/preference/preference_config.h"
#include "data/dataset.h"
#include "data/preference_pairs.h"
#include "nn/model.h"

namespace gradus {

/// Means over pairs: of the loss, of the margin, and how often the chosen response is the likelier one (beyond the reference).
struct PreferenceScore {
  double loss = 0, accuracy = 0, margin = 0;
  int64 pairs = 0;
};

class PreferenceTask {
 public:
  /// Opens the pairs and builds the models. Throws what they throw, and UsageError for what could not be trained. `start`: weights of
  /// the reference and first ones of the model, in place of --init.
  explicit PreferenceTask(const PreferenceConfig& config, const std::string& start = "");

  Model& model() { return *model_; }
  Model& reference() { return *reference_; }
  const DatasetInfo& info() const { return info_; }
  const std::vector<std::string>& notes() const { return notes_; }
  /// Numbers of the pairs that are trained on, and of those held out. Both are functions of the seed.
  const std::vector<int64>& training() const { return training_; }
  const std::vector<int64>& held_out() const { return held_; }

  int64 steps_per_epoch() const;
  /// The pairs of a step: a function of seed and step alone.
  std::vector<int64> batch_rows(int64 step) const;
  /// From now on there is no reference: its log-probabilities count as 0.
  void forget_reference() { reference_.reset(); }
  /// The loss of some pairs; the reference is evaluated unrecorded.
  PreferenceLoss loss_of(std::span<const int64> rows);
  /// In evaluation mode, unrecorded.
  PreferenceScore score(std::span<const int64> rows);

 private:
  PreferenceConfig config_;
  DpoOptions loss_;
  DatasetInfo info_;
  std::unique_ptr<Model> model_, reference_;
  std::vector<PairTokens> pairs_;
  std::vector<int64> training_, held_;
  std::vector<std::string> notes_;
};

}  // namespace gradus
