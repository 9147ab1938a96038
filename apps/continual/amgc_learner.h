// AMGC on a stream: the first task plainly, every later one beside Gaussians of the classes before (amgc_task.h), without exemplars.
#pragma once

#include "apps/continual/amgc_task.h"
#include "apps/continual/plain_learner.h"

namespace gradus {

struct AmgcLearnerOptions : AmgcOptions {
  AmgcLearnerOptions() { lr = 0.01, kd = 0.1; }
};

class AmgcLearner final : public ContinualLearner {
 public:
  using Options = AmgcLearnerOptions;
  AmgcLearner(const Options& options, const NetworkSizes& sizes);

  void begin(const ContinualTask& task, int64 steps, const Rng& rng) override;
  double step(const ContinualTask& task, const LabelledRows& batch, int64 s) override;
  void end(const ContinualTask& task, const Rng& rng) override;
  Tensor logits(const Tensor& x) const override { return network_.logits(x); }
  void state(const StateArchive& archive) override;
  std::vector<std::pair<std::string, Tensor>> weights() const override { return network_.weights(); }

 private:
  Options o_;
  GrowingNetwork network_;
  PlainTask plain_;
  AmgcTask task_;
  Tensor means_, covariances_;  // of all classes gone by
  int64 steps_ = 1;
};

}  // namespace gradus
