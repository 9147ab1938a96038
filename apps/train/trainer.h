// The training loop: data, model, optimizer, schedule, evaluation, checkpoints.
#pragma once

#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "apps/train/checkpoint.h"
#include "apps/train/config.h"
#include "apps/train/objective.h"
#include "apps/train/progress.h"
#include "apps/train/run_dir.h"
#include "data/loader.h"
#include "data/registry.h"

namespace gradus {

/// The window of text that a model is named for ("gpt:block=128"), or the default.
int64 block_of(const std::string& model);
/// The data of a run: what `config` names, with --limit applied.
Data open_training_data(const TrainConfig& config);
/// Freezes the parameters that match. Throws UsageError for a pattern that matches none.
void freeze(const Parameters& parameters, const std::vector<std::string>& patterns);

class Trainer {
 public:
  /// Opens the data, builds model and optimizer. Throws what they throw; nothing is written yet.
  explicit Trainer(const TrainConfig& config);

  /// Trains to the end, from `run`'s checkpoint if it has one, writing into it. False if a signal stopped it (all
  /// is saved then). Throws NumericError, with step, last good loss and step size, if training diverges.
  bool train(const RunDirectory& run, bool quiet);

  /// The result as --json prints it.
  nlohmann::ordered_json result(const std::string& out) const;
  const TrainState& state() const { return state_; }
  Model& model() { return *model_; }
  const DatasetInfo& info() const { return data_.info(); }

 private:
  void resume(const RunDirectory& run);
  /// One step on the next batches. Returns its objective's score.
  void step();
  std::vector<Batch> next_batches();
  /// Scores the test set into the state and writes a row. False if a signal stopped it.
  bool evaluate_now(const RunDirectory& run, Progress& progress);
  void note_score(const RunDirectory& run, double score);
  void save(const RunDirectory& run);
  void diverged(const RunDirectory& run, const std::string& what) const;
  double lr() const;
  double epoch() const { return static_cast<double>(state_.step) / static_cast<double>(steps_per_epoch_); }

  TrainConfig config_;
  Data data_;
  std::unique_ptr<Model> model_;
  Parameters parameters_;
  OptimizerPtr optimizer_;
  std::unique_ptr<Schedule> schedule_;
  std::unique_ptr<Loader> loader_;
  std::unique_ptr<Loader> second_;  // of second batches
  int64 steps_per_epoch_ = 0, total_steps_ = 0;
  TrainState state_;
};

}  // namespace gradus
