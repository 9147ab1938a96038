// Streams of tasks made of one labelled set: classes in turn, pixels permuted, images turned, and images that drift.
//
//   split     task t has the classes t*classes_per_task .. of an order drawn by seed, renumbered in that order
//   permuted  task 0 as it is, every other one with its pixels in a random order of its own
//   rotated   task t turned by t*180/tasks degrees
#pragma once

#include <string>
#include <vector>

#include "core/options.h"
#include "core/rng.h"
#include "core/tensor.h"

namespace gradus {

struct TaskStreamOptions {
  std::string kind = "split";
  int64 tasks = 5, classes_per_task = 2;
  bool shuffle_classes = true;
  void visit(auto&& f) {
    f("kind", kind, "how tasks differ", choices({"split", "permuted", "rotated"}));
    f("tasks", tasks, "how many", at_least(1));
    f("classes_per_task", classes_per_task, "split: classes of a task", at_least(1));
    f("shuffle_classes", shuffle_classes, "split: classes in a random order, else in theirs");
  }
};

/// The rows of one task.
struct StreamTask {
  Tensor x;     ///< (N,C,H,W)
  IntTensor y;  ///< (N); split: renumbered, task t has t*classes_per_task ..
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

 private:
  TaskStreamOptions o_;
  std::vector<int64> place_;
  std::vector<std::vector<int64>> pixels_;  // permuted: source pixel of each
};

/// Images (N,C,H,W) turned by an angle in degrees, counter-clockwise, about their centre: bilinear, `outside` where they end.
Tensor turned_images(const Tensor& x, double degrees, real outside);
/// contrast*x + sigma*normal noise.
Tensor noisy_images(const Tensor& x, double sigma, double contrast, Rng& rng);

}  // namespace gradus
