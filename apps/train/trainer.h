// The training loop: data, model, optimizer, schedule, evaluation, checkpoints.
#pragma once

#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "apps/train/board.h"
#include "apps/train/checkpoint.h"
#include "apps/train/config.h"
#include "apps/train/divided_objective.h"
#include "apps/train/evaluation_weights.h"
#include "apps/train/fine_tuning.h"
#include "apps/train/gradients/gradient_method.h"
#include "apps/train/interrupt.h"
#include "apps/train/objective.h"
#include "apps/train/parametrisation.h"
#include "apps/train/progress.h"
#include "apps/train/run_dir.h"
#include "apps/train/scores.h"
#include "data/loader.h"
#include "data/registry.h"

namespace gradus {

/// The window of text that a model is named for ("gpt:block=128"), or the default.
int64 block_of(const std::string& model);
/// The data of a run: what `config` names, with --limit applied. Weights to start from (--init) bring what was fitted on
/// their data, as far as this set has their classes or characters; where it has others all is fitted anew, which a line
/// of `notes` says.
Data open_training_data(const TrainConfig& config, std::vector<std::string>& notes);
/// What the model fits to the data before its first step, from training examples as they are.
void fit_to_data(Model& model, const DatasetPtr& train);
/// Freezes the parameters that match. Throws UsageError for a pattern that matches none, and if none is left to train.
void freeze(const Parameters& parameters, const std::vector<std::string>& patterns);

class Trainer {
 public:
  /// Opens the data, builds model and optimizer. Throws what they throw, and UsageError for what could not be trained;
  /// nothing is written yet.
  /// With several ranks all make the same calls; each trains on its part of every batch, rank 0 alone is given a run
  /// directory and shows its progress.
  explicit Trainer(const TrainConfig& config, Communicator& ranks = one_process());
  /// The same on data that are open already; they are used as they are, and `config` is taken to have been checked.
  /// All training examples are trained on: the test part decides, which may be a validation part.
  Trainer(const TrainConfig& config, Data data, Communicator& ranks = one_process());
  /// The same for a model that is there, whose weights are where it starts; it must live as long as the trainer.
  Trainer(const TrainConfig& config, Data data, Model& model);

  /// Called with every row of the metrics from now on.
  void observe_rows(std::function<void(const MetricsRow&)> observer) { observer_ = std::move(observer); }
  /// Called after every step of train(), with its number and loss.
  void observe_steps(std::function<void(int64 step, double loss)> observer) {
    step_observer_ = std::move(observer);
  }
  /// Called with the norms of every step's gradient from now on; with log_grad_norms alone they are taken.
  void observe_grad_norms(std::function<void(int64 step, const GradNorms&)> observer) {
    norms_observer_ = std::move(observer);
  }

  /// Trains to the end, from `run`'s checkpoint if it has one, writing into it. False if `stop`, asked between steps,
  /// ended it before (all is saved then); by default a signal does. Throws NumericError, with step, last good loss
  /// and step size, if training diverges.
  bool train(const RunDirectory& run, bool quiet, const std::function<bool()>& stop = interrupted);
  /// Puts back weights, optimizer and state from the run's checkpoint; without one, everything is as at the start. A run
  /// that had stopped early goes on where it is longer now than it was (with all its patience), or --early-stop allows it.
  void restore(const RunDirectory& run);
  /// The weights that evaluate and save, or with means = false those that are trained, in place for a while.
  std::unique_ptr<EvaluationWeights> evaluation_weights(bool means = true,
                                                        const std::function<bool()>& stop = nullptr);

  /// What train() begins with where nothing was trained before: the state of a start, and what the model fits to its data.
  void begin();
  /// One step on the next batches with this factor on the step size, and nothing else: no evaluation, nothing is written. Returns
  /// its loss. Throws NumericError where that is not finite.
  double step_at(double factor);
  /// The step size of the first parameter that is trained, at this factor.
  double lr(double factor) const;

  /// The result as --json prints it.
  nlohmann::ordered_json result(const std::string& out);
  /// All scores on the test set of the weights that a run saves at its end.
  const Scores& scores();
  /// The measure by which weights are best.
  const Metric& metric() const { return *metric_; }
  const TrainState& state() const { return state_; }
  Model& model() { return *model_; }
  Optimizer& optimizer() { return *optimizer_; }
  const DatasetInfo& info() const { return data_.info(); }
  /// What was decided about the data, and why: lines for the user.
  const std::vector<std::string>& notes() const { return notes_; }
  /// The examples that were held out to choose the best weights; nullptr if the test set decides.
  const DatasetPtr& validation() const { return validation_; }
  /// Length of the whole run, in steps; in examples where the batch size is adaptive, for the number of steps is what comes out.
  int64 length() const { return length_; }
  /// How much of it is done, in the same unit.
  int64 done() const {
    return adaptive_ ? state_.position.epoch * examples_ + state_.position.batch : state_.step;
  }

 private:
  Trainer(const TrainConfig& config, Data data, std::shared_ptr<Model> model, Communicator& ranks);
  std::uint64_t seed() const { return static_cast<std::uint64_t>(config_.seed); }
  /// Throws UsageError for what would fail at the first step, or at the last batch of an epoch.
  void check_trainable();
  void check_parts();
  /// Runs a batch as in training, and leaves everything as it was.
  void probe(const Batch& batch);
  /// Holds examples out of the training set, and says so.
  void hold_out_examples();
  /// --gradient: the method, and what it says of its cost and of each layer's memory.
  void make_gradient();
  /// Weights to start from, what is frozen, options by group and layer: the optimizer.
  void make_trained_parts();
  /// --select.
  void make_selection();
  /// How batches are divided, where they are.
  void make_division();
  /// Throws DataError unless all ranks have the same training data; then all take the weights of rank 0.
  void agree_on_start();
  /// What a step came to.
  struct StepResult {
    double loss;
    Score score;
    GradNorms norms;
    int64 examples;
  };
  StepResult step_on(std::vector<Batch> batches, const LossOptions& options, double factor);
  /// A step on what is kept of the batch; where that is nothing, none. Its loss.
  double selected_step(ModelObjective& objective, double factor);
  /// What a resumed run says of itself.
  std::string resumed_at() const;
  std::vector<Batch> next_batches();
  /// A step at batches of growing size: whether this one is tested, and what the test said.
  double tested_step(ModelObjective& objective, double factor);
  /// The index a schedule is asked for: of steps, adaptive ones as if all batches were of the first size.
  int64 schedule_step() const { return adaptive_ ? done() / adaptive_->first : state_.step; }
  int64 batch_size() const { return state_.batch_size ? state_.batch_size : adaptive_->first; }
  /// Batches beside those of the step, as far as the optimizer asks for them.
  BatchSources sources() const;
  /// Scores the test set into the state and writes a row. False if `stop` ended it.
  bool evaluate_now(const RunDirectory& run, Progress& progress, const std::function<bool()>& stop);
  void note_score(const RunDirectory& run, double score, const Scores& test,
                  const std::optional<Scores>& held);
  void save(const RunDirectory& run);
  void diverged(const RunDirectory& run, const std::string& what) const;
  /// The step size of the last step.
  double lr() const { return lr(state_.step ? state_.last_scale : schedule_->scale(0)); }
  bool at_end() const { return done() >= length_; }
  double epoch() const {
    return static_cast<double>(done()) / static_cast<double>(adaptive_ ? examples_ : steps_per_epoch_);
  }

  TrainConfig config_;
  Communicator& ranks_;
  std::optional<Division> division_;
  std::vector<std::string> notes_;
  Data data_;
  DatasetPtr validation_;
  const Metric* metric_ = nullptr;
  ClassLoss class_loss_;
  std::optional<Scores> last_scores_;  // of the last evaluation in this process
  std::shared_ptr<Model> model_;
  Parameters parameters_;
  std::vector<LateFreeze> late_;  // of --freeze-after
  OptimizerPtr optimizer_;
  GradientMethodPtr gradient_;           // null: backprop
  SelectorPtr selector_;                 // null: all examples
  std::vector<StatefulPart> parts_;      // of these two, what checkpoints hold
  std::vector<SavedState> parts_start_;  // their states before the first step
  int64 last_rows_ = 0, last_kept_ = 0;  // examples of the last step's batch, and of these what was kept
  double last_threshold_ = 0;
  std::size_t step_peak_bytes_ = 0;  // of the tensors of a step, weights not counted
  std::unique_ptr<Schedule> schedule_;
  std::unique_ptr<Loader> loader_;
  std::unique_ptr<Loader> second_;  // of second batches
  std::unique_ptr<Loader> all_;     // of gradients over all data
  std::unique_ptr<Board> board_;    // of --tensorboard
  std::optional<AdaptiveBatch> adaptive_;
  Parametrisation parametrisation_;
  int64 steps_per_epoch_ = 0, length_ = 0;
  int64 examples_ = 0;                            // of the training set
  std::string wanted_;                            // by the test of the last step
  std::map<std::string, double> schedule_start_;  // state of the schedule before the first step
  TrainState state_;
  std::function<void(const MetricsRow&)> observer_;
  std::function<void(int64, double)> step_observer_;
  std::function<void(int64, const GradNorms&)> norms_observer_;
  GradNorms grad_norms_;  // of the last step
};

}  // namespace gradus
