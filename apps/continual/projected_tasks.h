// Tasks in turn with gradients kept out of what earlier tasks read: GPM, ROGO, and plain SGD beside them.
//
// Papers: Saha, Garg, Roy, ICLR 2021, arXiv 2103.09762; Yang et al., arXiv 2301.12131: see optim/methods/gradient_memory.h.
// A perceptron without biases, x -> W1 -> ReLU -> ... -> WL. After every epoch of a later task ROGO searches each layer's memory for
// directions that the task's gradients point along, until a search finds none; what it found the task may rescale (Q), and each
// search that finds something divides the step size by lr_factor. At the end of the task W takes W_eff over.
#pragma once

#include <vector>

#include "apps/continual/features.h"
#include "core/options.h"
#include "optim/methods/gradient_memory.h"
#include "optim/state_archive.h"

namespace gradus {

/// All but how the rows are gone through.
struct ProjectedRule {
  std::string method = "rogo";
  double lr = 0.1, penalty_weight = 1, lr_factor = 2, threshold = 0.95;
  int64 samples = 0;  ///< rows that searches and memories look at, 0 for all
  SearchOptions search;
  void visit(auto&& f) {
    f("method", method, "rogo; gpm without searches; sgd without a memory", choices({"rogo", "gpm", "sgd"}));
    f("lr", lr, "step size", positive());
    f("penalty_weight", penalty_weight, "of ||Q - I||^2", at_least(0));
    f("lr_factor", lr_factor, "the step size is divided by it after a search that found something",
      positive());
    f("threshold", threshold, "of the memory", between(0, 1));
    search.visit(f);
  }
};
struct ProjectedOptions : ProjectedRule {
  int64 epochs = 3, batch_size = 4;
  void visit(auto&& f) {
    f("epochs", epochs, "of each task", at_least(1));
    f("batch_size", batch_size, "rows of a batch", at_least(1));
    ProjectedRule::visit(f);
  }
};

/// A task's rows; `groups`: which logits compete (competing_loss).
struct TaskRows {
  LabelledRows rows;
  std::vector<int64> groups = {};
};

class ProjectedTasks {
 public:
  /// Weights W1 .. WL, copied.
  ProjectedTasks(const std::vector<Tensor>& weights, const ProjectedOptions& options);
  /// Learns one more task, batches in the rows' order; throws NumericError where the loss is not finite.
  void learn(const TaskRows& task);
  /// The same in parts: one begin, for each epoch its batches and one end_epoch, one end.
  void begin();
  double step(const LabelledRows& batch, const std::vector<int64>& groups);
  void end_epoch(const TaskRows& task);
  void end(const TaskRows& task);
  /// (N,K) of rows x (N,n).
  Tensor logits(const Tensor& x) const;

  const std::vector<Tensor>& weights() const { return weights_; }
  const std::vector<Tensor>& memory() const { return memory_; }
  /// Of every batch of the last task, before its step, with the penalty.
  const std::vector<double>& losses() const { return losses_; }
  /// Columns that the last task relaxed, a layer each.
  const std::vector<int64>& space_sizes() const { return space_sizes_; }
  /// What the layers multiply by now, relaxed directions included.
  std::vector<Tensor> effective_weights() const;
  void state(const StateArchive& archive);

 private:
  struct Relaxed {
    std::vector<Tensor> space, scale, rest;  // S, Q, F
  };
  bool search(const TaskRows& task);
  LabelledRows sample_of(const LabelledRows& rows) const;

  ProjectedOptions o_;
  std::vector<Tensor> weights_, memory_;
  std::vector<double> losses_;
  std::vector<int64> space_sizes_;
  Relaxed relaxed_;
  double lr_ = 0;
  bool up_ = false;  // the last search of this task found something
  int64 tasks_ = 0;
};

}  // namespace gradus
