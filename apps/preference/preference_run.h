// Training a language model on pairs of responses: `gradus train --data pairs:path=FILE.jsonl --loss dpo:beta=0.1`.
//
// The reference is the model as it starts, frozen; the run keeps it beside its checkpoint (reference.safetensors), so that a run
// goes on bit for bit.
#pragma once

#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "apps/preference/preference_task.h"
#include "apps/train/interrupt.h"
#include "apps/train/run_dir.h"
#include "optim/optimizer.h"
#include "optim/schedule.h"

namespace gradus {

/// Where a run keeps the weights it is compared with.
std::string reference_file(const RunDirectory& run);
/// The header of metrics.csv.
const std::string& preference_csv_header();
/// Scores of pairs by name: "validation_loss", ... of those held out, "train_preference_loss", ... of those trained on, "test_loss", ...
nlohmann::ordered_json score_json(const std::string& set, const PreferenceScore& score);

class PreferenceRun {
 public:
  /// Opens the pairs, builds model and optimizer. Throws what they throw, and UsageError for what could not be trained.
  /// `start`: the reference of a run that goes on, in place of --init.
  explicit PreferenceRun(const PreferenceConfig& config, const std::string& start = "");

  /// Trains to the end, from the run's checkpoint if it has one. False if `stop`, asked between steps, ended it before (all is
  /// saved then). Throws NumericError if training diverges.
  bool train(const RunDirectory& run, bool quiet, const std::function<bool()>& stop = interrupted);
  /// The result as --json prints it.
  nlohmann::ordered_json result(const std::string& out);
  int64 step() const { return step_; }
  int64 length() const { return length_; }
  Model& model() { return task_.model(); }
  const std::vector<std::string>& notes() const { return task_.notes(); }

 private:
  void restore(const RunDirectory& run);
  void save(const RunDirectory& run);
  /// One optimizer step; returns its loss.
  double train_step(double scale);
  /// Scores what decides, and appends a row.
  void evaluate(const RunDirectory& run, double scale);

  PreferenceConfig config_;
  PreferenceTask task_;
  Parameters parameters_;
  OptimizerPtr optimizer_;
  std::unique_ptr<Schedule> schedule_;
  int64 step_ = 0, length_ = 0;
  double seconds_ = 0, loss_since_row_ = 0;
  int64 steps_since_row_ = 0;
  PreferenceScore last_;
};

}  // namespace gradus
