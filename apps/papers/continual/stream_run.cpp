#include "apps/papers/continual/stream_run.h"

#include "core/error.h"

namespace gradus {

Rng trial_rng(const Trial& trial, const std::string& purpose) {
  return Rng(static_cast<std::uint64_t>(trial.seed)).fork(purpose);
}

TaskSequence load_tasks(const Trial& trial, const std::string& spec, const TaskStreamOptions& stream,
                        int64 limit, int64 test_limit) {
  return make_task_sequence(trial.data(spec), stream, trial.quick ? 300 : limit,
                            trial.quick ? 100 : test_limit, Rng(static_cast<std::uint64_t>(trial.seed)));
}

StreamTrainingOptions stream_options(const Trial& trial, int64 batch_size, int64 epochs) {
  return {.epochs = epochs, .batch_size = batch_size, .steps = trial.quick ? 3 : 0};
}

bool learn_stream(const Trial& trial, StreamTraining& training, const TaskSequence& tasks, Outcome& outcome) {
  try {
    while (training.advance()) {
      const double within = training.steps() > 0
                                ? static_cast<double>(training.step()) / static_cast<double>(training.steps())
                                : 0;
      trial.checkpoint((static_cast<double>(training.task()) + within) / static_cast<double>(tasks.tasks()));
    }
    return true;
  } catch (const NumericError& e) {
    outcome.diverged = true;
    outcome.note = e.what();
    return false;
  }
}

void note_matrix(const AccuracyMatrix& matrix, const std::string& prefix, Outcome& outcome) {
  outcome.metrics[prefix + "average_accuracy"] = matrix.final_accuracy();
  outcome.metrics[prefix + "incremental_accuracy"] = matrix.incremental_accuracy();
  outcome.metrics[prefix + "learning_accuracy"] = matrix.learning_accuracy();
  outcome.metrics[prefix + "new_task_accuracy"] = matrix.new_task_accuracy();
  outcome.metrics[prefix + "backward_transfer"] = matrix.backward_transfer();
  outcome.metrics[prefix + "forgetting_error"] = matrix.forgetting(true);
}

}  // namespace gradus
