// A stream of tasks as rows, its training and its test part.
#pragma once

#include <string>
#include <vector>

#include "apps/continual/features.h"
#include "apps/continual/learner.h"
#include "data/dataset.h"
#include "data/tasks/task_stream.h"

namespace gradus {

struct TaskSequence {
  std::vector<LabelledRows> train, test;  ///< rows (N, features), a task each
  std::vector<int64> first_label, known;  ///< of each task: its least label; labels known with it
  bool by_task = false;                   ///< the task of an example is known
  Shape image;                            ///< (C,H,W) of a row
  int64 features = 0, classes = 0;        ///< classes: labels in all
  int64 tasks() const { return std::ssize(train); }
  /// Where only the labels of an example's task compete, the first label of each task; else empty.
  std::vector<int64> groups() const { return by_task ? first_label : std::vector<int64>{}; }
  /// Task t as methods meet it; `this` must outlive it.
  ContinualTask task(int64 t) const;
};

/// The first `limit` training and `test_limit` test images of the data, put into tasks by draws of `rng`; 0: all. Throws UsageError for
/// data without labelled images.
TaskSequence make_task_sequence(const Data& data, const TaskStreamOptions& stream, int64 limit,
                                int64 test_limit, const Rng& rng);
/// b's tasks behind a's, their classes behind a's.
TaskSequence chained(const TaskSequence& a, const TaskSequence& b);

}  // namespace gradus
