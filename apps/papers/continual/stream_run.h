// What the experiments of this family share: a stream of tasks as rows, batches of it, and accuracies behind each task.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "apps/continual/accuracy_matrix.h"
#include "apps/continual/features.h"
#include "apps/papers/experiment.h"
#include "core/rng.h"
#include "data/tasks/task_stream.h"

namespace gradus {

struct TaskSequence {
  std::vector<LabelledRows> train, test;  ///< rows (N, features), a task each
  int64 features = 0, classes = 0;
};
/// The first `limit` training and `test_limit` test images of `spec` (a smoke run has few), shuffled and put into tasks by the trial's
/// seed.
TaskSequence load_tasks(const Trial& trial, const std::string& spec, const TaskStreamOptions& stream,
                        int64 limit, int64 test_limit);
/// b's tasks behind a's, their classes behind a's.
TaskSequence chained(const TaskSequence& a, const TaskSequence& b);
LabelledRows joined_rows(const LabelledRows& a, const LabelledRows& b);
LabelledRows chosen_rows(const LabelledRows& rows, const std::vector<int64>& index);
/// Batch of step `step`, in shuffled epochs whose order depends on `rng` and the epoch alone; the last of an epoch may be smaller.
LabelledRows batch_at(const LabelledRows& rows, int64 batch_size, int64 step, const Rng& rng);
int64 steps_of(const Trial& trial, const LabelledRows& rows, int64 batch_size, int64 epochs);
/// Share of predictions (N) that are right; 0 of none.
double share_right(const IntTensor& predictions, const IntTensor& y);
/// Accuracies on the tests of tasks 0..last by predictions of (x, task).
std::vector<double> task_accuracies(const TaskSequence& tasks, int64 last,
                                    const std::function<IntTensor(const Tensor& x, int64 task)>& predict);
/// Mean accuracies and forgetting, under a prefix.
void note_matrix(const AccuracyMatrix& matrix, const std::string& prefix, Outcome& outcome);
/// The first largest of each row.
IntTensor largest_of(const Tensor& logits);

}  // namespace gradus
