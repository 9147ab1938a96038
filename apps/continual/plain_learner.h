// The ways of learning that methods are compared with: an extractor and a linear classifier by SGD on what a task hands them.
//
//   naive: the task's rows alone;  joint: those of all tasks so far;  replay: the task's with a memory of exemplars
//   lwf: old logits as targets (nn/continual/lwf_loss.h);  ewc: springs on the weights (nn/continual/elastic_weights.h)
//   agem: the gradient does not point against that of exemplars (optim/methods/reference_projection.h)
#pragma once

#include <string>
#include <vector>

#include "apps/continual/descent.h"
#include "apps/continual/exemplars.h"
#include "apps/continual/learner.h"
#include "apps/continual/network.h"
#include "nn/continual/elastic_weights.h"
#include "nn/continual/lwf_loss.h"

namespace gradus {

struct PlainOptions {
  std::string method = "naive";  // naive, joint, replay, ewc, lwf, agem
  double lr = 0.01, momentum = 0.9, weight_decay = 5e-4;
  std::string schedule = "cosine";
  int64 memory = 200, fisher_rows = 200, reference_rows = 64;
  std::string selection = "herding";
  ElasticOptions elastic{};
  LwfOptions lwf{};

  std::string optim() const;
  void visit_descent(auto&& f) {
    f("lr", lr, "step size", positive());
    f("momentum", momentum, "of SGD", decay_rate());
    f("weight_decay", weight_decay, "of all weights", at_least(0));
    f("schedule", schedule, "half a cosine over a task's steps, or constant",
      choices({"cosine", "constant"}));
  }
  void visit_memory(auto&& f) {
    f("memory", memory, "exemplars in all", at_least(0));
    f("selection", selection, "which: herded by features, or a reservoir", choices({"herding", "reservoir"}));
  }
};

/// One task of such a method: steps on a network.
class PlainTask {
 public:
  explicit PlainTask(FeatureMap features, PlainOptions options = {});
  /// From `start`, whose first `old_classes` are old; `steps`: the length of the schedule.
  void begin(const LinearHeadNetwork& start, int64 old_classes, int64 steps);
  /// The loss before step s, with all penalties. `springs`, `reference`: of ewc and agem, may be null. Throws NumericError.
  double step(const LabelledRows& batch, int64 s, const std::vector<int64>& groups = {},
              const ElasticWeights* springs = nullptr, const LabelledRows* reference = nullptr);
  LinearHeadNetwork network() const { return LinearHeadNetwork::of(descent_.copies()); }
  void state(const StateArchive& archive);

 private:
  Tensor logits(std::span<const Tensor> p, const Tensor& x) const;

  FeatureMap features_;
  PlainOptions o_;
  LinearHeadNetwork before_;  // for lwf
  int64 old_classes_ = 0, steps_ = 1;
  Descent descent_;
};

/// A network whose classifier grows: what a method that has one keeps, and how it starts a task.
class GrowingNetwork {
 public:
  explicit GrowingNetwork(const NetworkSizes& sizes) : sizes_(sizes) {}
  /// The perceptron of the first task; later as many more rows of the classifier as there are new classes. Returns the number of old ones.
  int64 grow(const ContinualTask& task, const Rng& rng);
  LinearHeadNetwork net;
  const NetworkSizes& sizes() const { return sizes_; }
  Tensor logits(const Tensor& x) const { return network_logits(perceptron_features, net, x); }
  std::vector<std::pair<std::string, Tensor>> weights() const;

 private:
  NetworkSizes sizes_;
};

class PlainLearner final : public ContinualLearner {
 public:
  PlainLearner(const PlainOptions& options, const NetworkSizes& sizes);
  /// The same on features and a network of one's own, that has all classes.
  PlainLearner(const PlainOptions& options, FeatureMap features, const LinearHeadNetwork& start);

  LabelledRows rows(const ContinualTask& task) const override;
  void begin(const ContinualTask& task, int64 steps, const Rng& rng) override;
  double step(const ContinualTask& task, const LabelledRows& batch, int64 s) override;
  void end(const ContinualTask& task, const Rng& rng) override;
  Tensor logits(const Tensor& x) const override { return network_logits(features_, network_.net, x); }
  void state(const StateArchive& archive) override;
  std::vector<std::pair<std::string, Tensor>> weights() const override { return network_.weights(); }
  const LinearHeadNetwork& network() const { return network_.net; }
  const ElasticWeights& springs() const { return springs_; }

 private:
  bool keeps_exemplars() const { return o_.method == "replay" || o_.method == "agem"; }

  PlainOptions o_;
  FeatureMap features_;
  bool own_ = false;  // network of one's own
  GrowingNetwork network_;
  PlainTask task_;
  ElasticWeights springs_;
  ExemplarMemory memory_;
};

}  // namespace gradus
