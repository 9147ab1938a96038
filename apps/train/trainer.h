// The training loop: data, model, optimizer, schedule, evaluation, checkpoints.
#pragma once

#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "apps/train/board.h"
#include "apps/train/checkpoint.h"
#include "apps/train/config.h"
#include "apps/train/interrupt.h"
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

/// While alive, the weights to evaluate are in place: means of --ema, points that optimizers average.
class EvaluationWeights {
 public:
  explicit EvaluationWeights(Optimizer& optimizer) : optimizer_(optimizer) {
    optimizer_.use_evaluation_weights(true);
  }
  ~EvaluationWeights() { optimizer_.use_evaluation_weights(false); }
  EvaluationWeights(const EvaluationWeights&) = delete;
  EvaluationWeights& operator=(const EvaluationWeights&) = delete;

 private:
  Optimizer& optimizer_;
};

class Trainer {
 public:
  /// Opens the data, builds model and optimizer. Throws what they throw; nothing is written yet.
  explicit Trainer(const TrainConfig& config);
  /// The same on data that are open already; they are used as they are.
  Trainer(const TrainConfig& config, Data data);

  /// Called with every row of the metrics from now on.
  void observe_rows(std::function<void(const MetricsRow&)> observer) { observer_ = std::move(observer); }

  /// Trains to the end, from `run`'s checkpoint if it has one, writing into it. False if `stop`, asked between steps,
  /// ended it before (all is saved then); by default a signal does. Throws NumericError, with step, last good loss
  /// and step size, if training diverges.
  bool train(const RunDirectory& run, bool quiet, const std::function<bool()>& stop = interrupted);
  /// Puts back weights, optimizer and state from the run's checkpoint; without one, everything is as at the start.
  void restore(const RunDirectory& run);

  /// The result as --json prints it.
  nlohmann::ordered_json result(const std::string& out) const;
  const TrainState& state() const { return state_; }
  int64 total_steps() const { return total_steps_; }
  Model& model() { return *model_; }
  Optimizer& optimizer() { return *optimizer_; }
  const DatasetInfo& info() const { return data_.info(); }

 private:
  /// What the model fits to the data before its first step, from training examples as they are.
  void fit_to_data();
  /// One step on the next batches. Returns its objective's score.
  void step();
  std::vector<Batch> next_batches();
  /// Scores the test set into the state and writes a row. False if `stop` ended it.
  bool evaluate_now(const RunDirectory& run, Progress& progress, const std::function<bool()>& stop);
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
  std::unique_ptr<Board> board_;    // of --tensorboard
  int64 steps_per_epoch_ = 0, total_steps_ = 0;
  TrainState state_;
  std::function<void(const MetricsRow&)> observer_;
  GradNorms grad_norms_;  // of the last step
};

}  // namespace gradus
