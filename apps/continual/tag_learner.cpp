#include "apps/continual/tag_learner.h"

#include "autograd/grad.h"

namespace gradus {

void TagLearner::begin(const ContinualTask& task, int64, const Rng& rng) {
  if (task.index == 0)
    tag_.assign(
        1, TaskGradients(
               fresh_perceptron(sizes_.inputs, sizes_.hidden, sizes_.classes, 2, rng.fork("start")).extractor,
               o_));
  else if (o_.aware)
    tag_[0].begin_task();
}

double TagLearner::step(const ContinualTask& task, const LabelledRows& batch, int64) {
  const Recording on(true);
  std::vector<Tensor> p;
  for (const Tensor& w : tag_[0].params()) p.push_back(variable(w));
  const Tensor loss = competing_loss(perceptron_features(p, batch.x), batch.y, task.groups);
  const double value = checked_loss(static_cast<double>(loss.item()), "tag");
  tag_[0].step(grad(loss, p));
  return value;
}

Tensor TagLearner::logits(const Tensor& x) const {
  const Recording off(false);
  return perceptron_features(gradients().params(), x);
}

void TagLearner::state(const StateArchive& archive) {
  auto count = std::ssize(tag_);
  archive("count", count);
  if (archive.loads() && count > 0) tag_.assign(1, TaskGradients(std::vector<Tensor>(4, Tensor({1})), o_));
  if (count > 0) tag_[0].state(archive.below("tag"));
}

std::vector<std::pair<std::string, Tensor>> TagLearner::weights() const {
  const std::vector<Tensor>& p = gradients().params();
  return {{"fc1.weight", p[0]}, {"fc1.bias", p[1]}, {"fc2.weight", p[2]}, {"fc2.bias", p[3]}};
}

}  // namespace gradus
