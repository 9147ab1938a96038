// ROGO, GPM and plain SGD on a stream: a perceptron without biases, all outputs there from the start (projected_tasks.h).
#pragma once

#include "apps/continual/learner.h"
#include "apps/continual/network.h"
#include "apps/continual/projected_tasks.h"

namespace gradus {

struct ProjectedLearnerOptions : ProjectedRule {
  ProjectedLearnerOptions() { lr = 0.01, samples = 200; }
  void visit(auto&& f) {
    ProjectedRule::visit(f);
    f("samples", samples, "rows that searches and memories look at; 0: all", at_least(0));
  }
};

class ProjectedLearner final : public ContinualLearner {
 public:
  using Options = ProjectedLearnerOptions;
  ProjectedLearner(const Options& options, const NetworkSizes& sizes) : o_(options), sizes_(sizes) {}

  bool in_order() const override { return true; }
  void begin(const ContinualTask& task, int64 steps, const Rng& rng) override;
  double step(const ContinualTask& task, const LabelledRows& batch, int64 s) override;
  void end(const ContinualTask& task, const Rng& rng) override;
  Tensor logits(const Tensor& x) const override { return tasks_.at(0).logits(x); }
  void state(const StateArchive& archive) override;
  std::vector<std::pair<std::string, Tensor>> weights() const override;
  const ProjectedTasks& tasks() const { return tasks_.at(0); }

 private:
  Options o_;
  NetworkSizes sizes_;
  std::vector<ProjectedTasks> tasks_;  // one, from the first task on
};

}  // namespace gradus
