// Streams of tasks made of one labelled set: classes in turn, pixels permuted, images turned, and images that drift.
//
//   split     task t has the classes t*classes_per_task .. of an order drawn by seed, renumbered in that order
//   permuted  task 0 as it is, every other one with its pixels in a random order of its own
//   rotated   task t turned by t*180/tasks degrees
// Scenarios (van de Ven, Tuytelaars, Tolias, Nature Machine Intelligence 4, 2022):
//   class   every class of every task has a label of its own, and all of them compete
//   task    the same labels, but the task of an example is known: only that task's compete
//   domain  all tasks share the labels 0, 1, ... of a task
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "core/options.h"
#include "core/rng.h"
#include "core/tensor.h"

namespace gradus {

struct TaskStreamOptions {
  std::string kind = "split";
  int64 tasks = 0;  ///< 0: as many as there are classes for (split), else 5
  int64 classes_per_task = 2;
  int64 first_classes = 0;  ///< split: classes of the first task; 0: as of the others
  bool shuffle_classes = true;
  std::string scenario = "auto";  ///< class, task, domain; auto: class of split, else domain
};

/// The rows of one task.
struct StreamTask {
  Tensor x;     ///< (N,C,H,W)
  IntTensor y;  ///< (N), see the scenario
};

class TaskStream {
 public:
  /// Draws orders from `rng`. Throws UsageError where `classes` do not suffice.
  TaskStream(const TaskStreamOptions& options, int64 classes, int64 features, const Rng& rng);
  int64 tasks() const { return o_.tasks; }
  /// Of images (N,C,H,W) with labels (N) what task t has, in their order.
  StreamTask task(int64 t, const Tensor& x, const IntTensor& y) const;
  /// Where class c of the set stands in the order (split), else c.
  int64 renumbered(int64 c) const { return place_[static_cast<size_t>(c)]; }
  /// The least label of task t, and the number of labels known with it.
  int64 first_label(int64 t) const;
  int64 labels_with(int64 t) const;
  /// "class", "task" or "domain".
  const std::string& scenario() const { return o_.scenario; }

 private:
  int64 place_begin(int64 t) const;
  int64 classes_of(int64 t) const { return place_begin(t + 1) - place_begin(t); }

  TaskStreamOptions o_;
  std::vector<int64> place_;
  std::vector<std::vector<int64>> pixels_;  // permuted: source pixel of each
};

/// A kind of stream by name: "split:classes=2,scenario=task", "permuted:tasks=10", "rotated".
struct TaskKindEntry {
  std::string name, summary;
  std::vector<OptionInfo> options;
  std::function<TaskStreamOptions(const OptionList& options)> make;
};
const std::vector<TaskKindEntry>& task_kinds();
/// Throws UsageError for unknown names (naming the nearest) and options.
TaskStreamOptions parse_task_stream(const std::string& text);

/// Images (N,C,H,W) turned by an angle in degrees, counter-clockwise, about their centre: bilinear, `outside` where they end.
Tensor turned_images(const Tensor& x, double degrees, real outside);
/// contrast*x + sigma*normal noise.
Tensor noisy_images(const Tensor& x, double sigma, double contrast, Rng& rng);

}  // namespace gradus
