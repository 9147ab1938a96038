#include "apps/continual/amgc_learner.h"

#include "autograd/ops/shape_ops.h"
#include "core/error.h"
#include "nn/continual/amarx.h"

namespace gradus {
namespace {

PlainOptions amgc_first_task(const AmgcOptions& o) {
  PlainOptions plain;
  plain.lr = o.lr;
  plain.momentum = o.momentum;
  plain.weight_decay = o.weight_decay;
  return plain;
}

Tensor stacked_classes(const Tensor& a, const Tensor& b) {
  const Recording off(false);
  return a ? concat(std::vector<Tensor>{a, b}, 0) : b;
}

// Of the classes from `from` on, of rows that have these alone.
ClassStatistics statistics_of(const LabelledRows& rows, const LinearHeadNetwork& net, int64 from,
                              int64 count) {
  const Recording off(false);
  std::vector<int64> y = rows.y.values();
  for (int64& label : y) label -= from;
  return class_statistics(perceptron_features(net.extractor, rows.x), IntTensor::from(rows.y.shape(), y),
                          count, 1e-4);
}

}  // namespace

AmgcLearner::AmgcLearner(const Options& options, const NetworkSizes& sizes)
    : o_(options),
      network_(sizes),
      plain_(perceptron_features, amgc_first_task(options)),
      task_(perceptron_features, options) {}

void AmgcLearner::begin(const ContinualTask& task, int64 steps, const Rng& rng) {
  if (!task.groups.empty() || (task.index > 0 && task.first_class == 0))
    fail<UsageError>("amgc: it is for class-incremental streams (scenario class)");
  const int64 old = network_.grow(task, rng);
  steps_ = steps;
  if (task.index == 0)
    plain_.begin(network_.net, 0, steps);
  else
    task_.begin({network_.net.extractor, network_.net.fc.weight, network_.net.fc.bias, means_, covariances_,
                 statistics_of(task.rows, network_.net, old, task.classes - old).covariances});
}

double AmgcLearner::step(const ContinualTask& task, const LabelledRows& batch, int64 s) {
  return task.index == 0 ? plain_.step(batch, s) : task_.step(batch, half_cosine(s, steps_)).total;
}

void AmgcLearner::end(const ContinualTask& task, const Rng&) {
  network_.net = task.index == 0 ? plain_.network()
                                 : LinearHeadNetwork{task_.extractor(), {task_.weight(), task_.bias()}};
  const ClassStatistics now =
      statistics_of(task.rows, network_.net, task.first_class, task.classes - task.first_class);
  means_ = stacked_classes(means_, now.means);
  covariances_ = stacked_classes(covariances_, now.covariances);
}

void AmgcLearner::state(const StateArchive& archive) {
  archive_network(archive.below("network"), network_.net);
  archive("means", means_);
  archive("covariances", covariances_);
  archive("steps", steps_);
  plain_.state(archive.below("plain"));
  task_.state(archive.below("task"));
}

}  // namespace gradus
