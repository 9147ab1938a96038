#include "apps/continual/sparse_learner.h"

#include <cmath>

#include "core/error.h"

namespace gradus {

void SparseLearner::begin(const ContinualTask& task, int64, const Rng& rng) {
  if (!task.groups.empty())
    fail<UsageError>("hard-ash: all classes compete whatever the task, so it is not for scenario task");
  if (task.index > 0) return;
  const auto draw = [&](int64 out, int64 in, const char* name) {
    return rng.fork(name).normal_tensor({out, in}, 0,
                                        static_cast<real>(std::sqrt(2.0 / static_cast<double>(in))));
  };
  net_.assign(1, SparsePerceptron(draw(sizes_.hidden, sizes_.inputs, "first"),
                                  draw(sizes_.classes, sizes_.hidden, "second"), o_.activation, o_.update));
}

double SparseLearner::step(const ContinualTask&, const LabelledRows& batch, int64) {
  const SparsePerceptron::Step made = net_[0].step(batch);
  active_ += made.active_fraction;
  ++steps_;
  return checked_loss(made.loss, "hard-ash");
}

void SparseLearner::state(const StateArchive& archive) {
  auto count = std::ssize(net_);
  archive("count", count);
  archive("active", active_);
  archive("steps", steps_);
  if (archive.loads() && count > 0)
    net_.assign(1, SparsePerceptron(Tensor({1, 1}), Tensor({1, 1}), o_.activation, o_.update));
  if (count > 0) net_[0].state(archive.below("net"));
}

std::vector<std::pair<std::string, Tensor>> SparseLearner::weights() const {
  return {{"fc1.weight", net_.at(0).weight1()}, {"fc2.weight", net_.at(0).weight2()}};
}

}  // namespace gradus
