#include "apps/continual/projected_learner.h"

#include <cmath>

namespace gradus {
namespace {

ProjectedOptions projected_options(const ProjectedRule& rule) {
  ProjectedOptions o;
  static_cast<ProjectedRule&>(o) = rule;
  return o;
}

}  // namespace

void ProjectedLearner::begin(const ContinualTask& task, int64, const Rng& rng) {
  if (task.index == 0) {
    const auto draw = [&](int64 out, int64 in, const char* name) {
      return rng.fork(name).normal_tensor({out, in}, 0,
                                          static_cast<real>(std::sqrt(2.0 / static_cast<double>(in))));
    };
    tasks_.assign(1, ProjectedTasks({draw(sizes_.hidden, sizes_.inputs, "first"),
                                     draw(sizes_.hidden, sizes_.hidden, "second"),
                                     draw(sizes_.classes, sizes_.hidden, "third")},
                                    projected_options(o_)));
  }
  tasks_[0].begin();
}

double ProjectedLearner::step(const ContinualTask& task, const LabelledRows& batch, int64 s) {
  const double loss = tasks_[0].step(batch, task.groups);
  if ((s + 1) % task.epoch_steps == 0) tasks_[0].end_epoch({task.rows, task.groups});
  return loss;
}

void ProjectedLearner::end(const ContinualTask& task, const Rng&) { tasks_[0].end({task.rows, task.groups}); }

void ProjectedLearner::state(const StateArchive& archive) {
  auto count = std::ssize(tasks_);
  archive("count", count);
  if (archive.loads() && count > 0) tasks_.assign(1, ProjectedTasks({Tensor({1, 1})}, projected_options(o_)));
  if (count > 0) tasks_[0].state(archive.below("tasks"));
}

std::vector<std::pair<std::string, Tensor>> ProjectedLearner::weights() const {
  std::vector<std::pair<std::string, Tensor>> out;
  for (const Tensor& w : tasks().effective_weights())
    out.emplace_back(fmt::format("fc{}.weight", out.size() + 1), w);
  return out;
}

}  // namespace gradus
