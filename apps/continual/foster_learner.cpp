#include "apps/continual/foster_learner.h"

#include <algorithm>
#include <cmath>

#include "core/error.h"

namespace gradus {
namespace {

PlainOptions first_task_options(const FosterRule& o) {
  PlainOptions plain;
  plain.lr = o.lr;
  plain.momentum = o.momentum;
  plain.weight_decay = o.weight_decay;
  return plain;
}

// Each at least 1: classes that a task's rows lack.
IntTensor counts_of(const IntTensor& y, int64 classes) {
  IntTensor counts = IntTensor::full({classes}, 0);
  for (const int64 c : y.span()) ++counts.mutable_data()[c];
  for (int64 c = 0; c < classes; ++c) counts.mutable_data()[c] = std::max<int64>(1, counts[c]);
  return counts;
}

}  // namespace

FosterLearner::FosterLearner(const Options& options, const NetworkSizes& sizes)
    : o_(options),
      network_(sizes),
      plain_(perceptron_features, first_task_options(options)),
      task_(perceptron_features, {}) {}

FosterOptions FosterLearner::task_options() const {
  FosterOptions o;
  static_cast<FosterRule&>(o) = o_;
  o.boosting_steps = boosting_;
  o.compression_steps = compression_;
  return o;
}

void FosterLearner::begin(const ContinualTask& task, int64 steps, const Rng& rng) {
  if (!task.groups.empty())
    fail<UsageError>("foster: it is for streams whose classes all compete, not for scenario task");
  if (task.index == 0) {
    boosting_ = compression_ = 0;
    network_.grow(task, rng);
    plain_.begin(network_.net, 0, steps);
    return;
  }
  if (task.classes == network_.net.fc.weight.dim(0))
    fail<UsageError>("foster: task {} has no new classes; it is for class-incremental streams",
                     task.index + 1);
  boosting_ = std::llround(o_.boosting_share * static_cast<double>(steps));
  compression_ = steps - boosting_;
  const Rng own = task_rng(rng, task.index);
  const int64 width = network_.sizes().width;
  task_ = FosterTask(perceptron_features, task_options());
  task_.begin(network_.net,
              {fresh_classifier(task.classes, 2 * width, own.fork("both")),
               fresh_classifier(task.classes, width, own.fork("new")),
               fresh_classifier(task.classes, width, own.fork("student"))},
              counts_of(rows(task).y, task.classes));
}

std::pair<int, int64> FosterLearner::phase(int64 s) const {
  return boosting_ + compression_ == 0 || s < boosting_ ? std::pair<int, int64>{0, s}
                                                        : std::pair<int, int64>{1, s - boosting_};
}

double FosterLearner::step(const ContinualTask& task, const LabelledRows& batch, int64 s) {
  return task.index == 0 ? plain_.step(batch, s) : checked_loss(task_.step(batch, s), "foster");
}

void FosterLearner::end(const ContinualTask& task, const Rng&) {
  if (task.index == 0) {
    network_.net = plain_.network();
  } else {
    task_.end();
    network_.net = task_.result().student;
  }
  memory_.herd(task.rows, task.classes, o_.memory,
               [&](const Tensor& x) { return perceptron_features(network_.net.extractor, x); });
}

Tensor FosterLearner::teacher_logits(const Tensor& x) const {
  return boosting_ + compression_ == 0
             ? logits(x)
             : foster_teacher_logits(perceptron_features, task_.old(), task_.result(), x);
}

void FosterLearner::state(const StateArchive& archive) {
  archive_network(archive.below("network"), network_.net);
  archive("boosting", boosting_);
  archive("compression", compression_);
  if (archive.loads()) task_ = FosterTask(perceptron_features, task_options());
  plain_.state(archive.below("plain"));
  task_.state(archive.below("task"));
  memory_.state(archive.below("memory"));
}

}  // namespace gradus
