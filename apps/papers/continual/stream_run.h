// What the experiments of this family share: a stream of tasks of a trial's data, the loop of apps/continual over it, its measures.
#pragma once

#include <string>

#include "apps/continual/stream_training.h"
#include "apps/continual/task_sequence.h"
#include "apps/papers/experiment.h"

namespace gradus {

/// The first `limit` training and `test_limit` test images of `spec` (a smoke run has few), put into tasks by the trial's seed.
TaskSequence load_tasks(const Trial& trial, const std::string& spec, const TaskStreamOptions& stream,
                        int64 limit, int64 test_limit);
/// A smoke run makes few steps a task.
StreamTrainingOptions stream_options(const Trial& trial, int64 batch_size, int64 epochs);
/// Trains to the end; false where it diverged, which is noted.
bool learn_stream(const Trial& trial, StreamTraining& training, const TaskSequence& tasks, Outcome& outcome);
/// Mean accuracies and forgetting, under a prefix.
void note_matrix(const AccuracyMatrix& matrix, const std::string& prefix, Outcome& outcome);
/// The trial's own key.
Rng trial_rng(const Trial& trial, const std::string& purpose);

}  // namespace gradus
