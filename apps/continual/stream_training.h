// The loop of continual learning: a method learns the tasks of a stream in turn, and is measured on all of them behind each.
//
// Draws are keyed (purpose, task, epoch, batch): what comes next depends on the state alone, not on where a run was cut. The state can be
// taken between any two steps.
#pragma once

#include <functional>
#include <optional>
#include <vector>

#include "apps/continual/accuracy_matrix.h"
#include "apps/continual/learner.h"
#include "apps/continual/task_sequence.h"
#include "data/tasks/drift_stream.h"

namespace gradus {

struct StreamTrainingOptions {
  int64 epochs = 5, batch_size = 64;
  int64 steps = 0;  ///< of a task; 0: as many as the epochs have
  std::optional<DriftOptions>
      drift{};  ///< an unlabelled drifting stream of the classes seen, behind every task but the first
};

class StreamTraining {
 public:
  /// Learner and tasks must outlive it.
  StreamTraining(ContinualLearner& learner, const TaskSequence& tasks, const StreamTrainingOptions& options,
                 const Rng& rng);

  /// One piece of work: a step, an evaluation, a batch of a drifting stream. False where all is done. Throws NumericError.
  bool advance();
  bool done() const { return task_ >= tasks_.tasks(); }

  /// Where it is: task 0, 1, ..., steps made of it and planned for it.
  int64 task() const { return task_; }
  int64 step() const { return step_; }
  int64 steps() const { return steps_; }
  /// Of the steps of this task so far; of the last task behind its end. NaN without a step.
  double mean_loss() const;
  const AccuracyMatrix& matrix() const { return matrix_; }
  /// Accuracies on all tasks of the untrained learner; NaN where it has not the classes.
  const std::vector<double>& baseline() const { return baseline_; }
  /// Online accuracy on the drifting stream behind each task but the first.
  const std::vector<double>& drift_accuracies() const { return drift_; }

  /// Called when a task's row of the matrix is there, before its drifting stream.
  std::function<void(int64 task)> behind_task;
  /// Sees labels and predictions of each batch of a drifting stream.
  std::function<void(int64 task, const IntTensor& labels, const IntTensor& predictions)> on_drift;

  void state(const StateArchive& archive);

 private:
  void begin();
  void prepare();  // what follows from the state: rows of the task, number of steps
  void evaluate();
  void drift_batch();
  std::vector<double> accuracies(int64 seen) const;

  ContinualLearner& learner_;
  const TaskSequence& tasks_;
  StreamTrainingOptions o_;
  Rng rng_;
  ContinualTask now_;
  LabelledRows rows_;
  AccuracyMatrix matrix_;
  std::vector<double> baseline_, drift_;
  int64 task_ = 0, step_ = 0, steps_ = 0;
  bool begun_ = false, measured_ = false;
  int64 drift_batch_ = 0, drift_right_ = 0, drift_rows_ = 0;
  double loss_sum_ = 0;
  int64 losses_ = 0;
};

/// Share of predictions (N) that are right; 0 of none.
double share_right(const IntTensor& predictions, const IntTensor& y);

}  // namespace gradus
