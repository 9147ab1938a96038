// TAG on a stream: a perceptron whose last layer has all outputs from the start, moved by task-aware moments.
#pragma once

#include "apps/continual/learner.h"
#include "apps/continual/network.h"
#include "optim/methods/task_gradients.h"

namespace gradus {

struct TagLearnerOptions : TagOptions {
  bool aware = true;
  TagLearnerOptions() { lr = 1e-4; }
  void visit(auto&& f) {
    TagOptions::visit(f);
    f("aware", aware, "off: the rule it extends, as of one task that never ends");
  }
};

class TagLearner final : public ContinualLearner {
 public:
  using Options = TagLearnerOptions;
  TagLearner(const Options& options, const NetworkSizes& sizes) : o_(options), sizes_(sizes) {}

  void begin(const ContinualTask& task, int64 steps, const Rng& rng) override;
  double step(const ContinualTask& task, const LabelledRows& batch, int64 s) override;
  void end(const ContinualTask&, const Rng&) override {}
  Tensor logits(const Tensor& x) const override;
  void state(const StateArchive& archive) override;
  std::vector<std::pair<std::string, Tensor>> weights() const override;
  const TaskGradients& gradients() const { return tag_.at(0); }

 private:
  Options o_;
  NetworkSizes sizes_;
  std::vector<TaskGradients> tag_;  // one, from the first task on
};

}  // namespace gradus
