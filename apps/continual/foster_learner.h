// FOSTER on a stream: the first task plainly, every later one by boosting and compression (foster_task.h), with herded exemplars.
#pragma once

#include "apps/continual/exemplars.h"
#include "apps/continual/foster_task.h"
#include "apps/continual/plain_learner.h"

namespace gradus {

struct FosterLearnerOptions : FosterRule {
  int64 memory = 60;
  double boosting_share = 4.0 / 7;
  FosterLearnerOptions() { lr = 0.02; }
  void visit(auto&& f) {
    FosterRule::visit(f);
    f("memory", memory, "exemplars in all, herded", at_least(0));
    f("boosting_share", boosting_share, "of a task's steps; the rest compresses", between(0, 1));
  }
};

class FosterLearner final : public ContinualLearner {
 public:
  using Options = FosterLearnerOptions;
  FosterLearner(const Options& options, const NetworkSizes& sizes);

  LabelledRows rows(const ContinualTask& task) const override {
    return joined_rows(task.rows, memory_.rows());
  }
  void begin(const ContinualTask& task, int64 steps, const Rng& rng) override;
  std::pair<int, int64> phase(int64 s) const override;
  double step(const ContinualTask& task, const LabelledRows& batch, int64 s) override;
  void end(const ContinualTask& task, const Rng& rng) override;
  Tensor logits(const Tensor& x) const override { return network_.logits(x); }
  void state(const StateArchive& archive) override;
  std::vector<std::pair<std::string, Tensor>> weights() const override { return network_.weights(); }
  /// Of the two-branch teacher of the last task; of the network itself behind the first.
  Tensor teacher_logits(const Tensor& x) const;

 private:
  FosterOptions task_options() const;

  Options o_;
  GrowingNetwork network_;
  PlainTask plain_;
  FosterTask task_;
  ExemplarMemory memory_;
  int64 boosting_ = 0, compression_ = 0;  // steps of this task; both 0: the first one
};

}  // namespace gradus
