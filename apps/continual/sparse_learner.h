// Hard ASH on a stream: sparse units and clipped updates, all classes from the start, no memory (sparse_perceptron.h).
#pragma once

#include "apps/continual/learner.h"
#include "apps/continual/network.h"
#include "apps/continual/sparse_perceptron.h"

namespace gradus {

struct SparseLearnerOptions {
  SparseActivationOptions activation{};
  ClippedUpdateOptions update{};
  void visit(auto&& f) {
    activation.visit(f);
    update.visit(f);
  }
};

class SparseLearner final : public ContinualLearner {
 public:
  using Options = SparseLearnerOptions;
  SparseLearner(const Options& options, const NetworkSizes& sizes) : o_(options), sizes_(sizes) {}

  void begin(const ContinualTask& task, int64 steps, const Rng& rng) override;
  double step(const ContinualTask& task, const LabelledRows& batch, int64 s) override;
  void end(const ContinualTask&, const Rng&) override {}
  Tensor logits(const Tensor& x) const override { return net_.at(0).logits(x); }
  void state(const StateArchive& archive) override;
  std::vector<std::pair<std::string, Tensor>> weights() const override;
  /// Mean share of units that are not 0, over all steps.
  double active_fraction() const { return steps_ > 0 ? active_ / static_cast<double>(steps_) : 0; }

 private:
  Options o_;
  NetworkSizes sizes_;
  std::vector<SparsePerceptron> net_;  // one, from the first task on
  double active_ = 0;
  int64 steps_ = 0;
};

}  // namespace gradus
