// Elastic weight consolidation: what earlier tasks need is held by springs as stiff as the Fisher information says.
//
// Papers: Kirkpatrick et al., "Overcoming catastrophic forgetting in neural networks", PNAS 114(13), 2017, arXiv 1612.00796;
//         online: Schwarz et al., "Progress & Compress", ICML 2018, arXiv 1805.06370.
//   F = mean over samples of the squared gradient of log p(y|x), y the label (empirical) or each class by its probability (expected)
//   penalty = ewc_lambda/2 * sum over memories k and weights of F_k*(theta - theta_k)^2
//   separate: a memory each task;  online: one, F = gamma*F + F_new at the newest theta
#pragma once

#include <functional>
#include <span>
#include <string>
#include <vector>

#include "core/options.h"
#include "core/tensor.h"

namespace gradus {

struct ElasticOptions {
  double ewc_lambda = 10, gamma = 0.9;
  std::string variant = "separate", fisher = "empirical";
  void visit(auto&& f) {
    f("ewc_lambda", ewc_lambda, "stiffness of the springs", at_least(0));
    f("variant", variant, "a memory each task, or one that all share", choices({"separate", "online"}));
    f("gamma", gamma, "online: share of the earlier Fisher information that is kept", between(0, 1));
    f("fisher", fisher, "gradients at the labels, or at every class by its probability",
      choices({"empirical", "expected"}));
  }
};

/// Logits (n,K) of rows begin..end-1, recorded from the parameters; a row's must not depend on the others.
using RowLogits = std::function<Tensor(int64 begin, int64 end)>;
/// The diagonal Fisher information, a tensor each parameter, over all labels' rows. Throws UsageError for another mode, ShapeError where
/// there are no rows.
std::vector<Tensor> diagonal_fisher(const RowLogits& logits, std::span<const Tensor> params,
                                    const IntTensor& labels, const std::string& mode);

/// ewc_lambda/2 * sum of F*(theta - theta_0)^2 of one memory, differentiable in params. A parameter that has grown rows since is held
/// in its first ones. Throws ShapeError.
Tensor elastic_penalty(std::span<const Tensor> params, std::span<const Tensor> anchors,
                       std::span<const Tensor> fishers, double ewc_lambda);

class ElasticWeights {
 public:
  explicit ElasticWeights(const ElasticOptions& options = {}) : o_(options) {}
  /// The penalty of all memories; 0 without one.
  Tensor penalty(std::span<const Tensor> params) const;
  /// Behind a task: parameters (copied) and their Fisher information.
  void remember(std::span<const Tensor> params, std::span<const Tensor> fishers);
  int64 memories() const { return std::ssize(anchors_); }
  const std::vector<Tensor>& fishers(int64 memory) const { return fishers_.at(static_cast<size_t>(memory)); }
  /// What it remembers, for an archive that is called with a name and a value.
  void state(const auto& archive) {
    archive("anchors", anchors_);
    archive("fishers", fishers_);
  }

 private:
  ElasticOptions o_;
  std::vector<std::vector<Tensor>> anchors_, fishers_;
};

}  // namespace gradus
