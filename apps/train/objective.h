// The objective of a training step over a model: what optimizers ask for, computed on the step's batches.
#pragma once

#include <cmath>
#include <functional>
#include <optional>

#include "apps/train/gradients/gradient_method.h"
#include "apps/train/task.h"
#include "core/rng.h"
#include "data/selection/sample_selector.h"
#include "optim/methods/batch_growth.h"
#include "optim/objective.h"

namespace gradus {

struct LossOptions {
  ClassLoss classes{};
  bool grad_norms = false;  ///< note the norms of the first gradient
  /// Record the first gradient: Hessian products at its weights then reuse its passes.
  bool keep_graph = false;
  /// What gradient() asks in place of reverse mode; null: nothing. `draws` are this step's own.
  GradientMethod* method = nullptr;
  Rng draws = Rng();
  /// Chooses the examples that are trained on, from the one batch of the step: select() before all else. null: all of them.
  SampleSelector* selector = nullptr;
  int64 epoch = 0, training_examples = 0;  ///< what it is told
};

/// How a gradient is handed on while it is computed.
struct GradientFlow {
  double weight = 1;                      ///< gradients are those of weight times the loss
  std::function<void(double)> loss = {};  ///< called with the loss of each batch before its pass back
  /// Called with each gradient, numbered among the trained parameters, as soon as it is whole; of the only batch.
  std::function<void(size_t, const Tensor&)> ready = {};
};

/// Over all trained parameters; NaN where nobody asked.
struct GradNorms {
  double l1 = std::nan(""), l2 = l1;
};

/// Where an objective finds batches beside those of its step; empty: not to be had.
struct BatchSources {
  std::function<Batch()> second;  ///< draws one that is independent of the step's; called at most once
  /// Hands out all data once, batch by batch.
  std::function<void(const std::function<void(const Batch&)>&)> all;
};

/// One step's batches (more than one where gradients are accumulated), weighted by their sizes. The first
/// evaluation is the training pass: it draws dropout masks and moves running statistics. Every further one
/// repeats its masks and leaves the statistics alone, so all are values of one function.
class ModelObjective final : public Objective {
 public:
  ModelObjective(Model& model, const Parameters& parameters, std::vector<Batch> batches,
                 const LossOptions& options = {}, BatchSources sources = {});

  const Parameters& parameters() const override { return parameters_; }
  Needs offers() const override {
    return offers(model_, batches_.size() > 1, sources_, options_.method, options_.selector != nullptr);
  }
  /// What the objectives of this model offer, of several batches or one. By a gradient method: losses, and gradients again where
  /// it is repeatable. Of selected examples: nothing that asks for single examples, outputs or other batches.
  static Needs offers(const Model& model, bool several_batches, const BatchSources& sources,
                      const GradientMethod* method = nullptr, bool selecting = false);
  /// With LossOptions::selector: the training pass, and what it chooses by the losses there. The objective is the mean loss of these
  /// examples from then on; score() is that of the whole batch. Where none is kept there is no objective, and no step to be made.
  /// Throws NumericError where the mean loss of the batch is not finite.
  Selected select();
  double loss() override;
  /// Throws NumericError if the loss is not finite.
  double gradient() override { return gradient(GradientFlow{}); }
  double gradient(const GradientFlow& flow);
  std::vector<Tensor> hvp(std::span<const Tensor> v) override;
  /// Throws GraphError where the samples of a batch influence each other (batch norm) and where dropout's masks of a
  /// sample cannot be repeated without its batch.
  std::vector<Tensor> per_sample_gradients() override;
  /// Of one batch with outputs (N,C): layer by layer, the Jacobian itself is not formed. Valid until the weights change.
  /// Throws UsageError for several batches and for models of tokens, GraphError as per_sample_gradients.
  GaussNewton gauss_newton() override;
  Objective& second_batch() override;
  /// Over BatchSources::all, in training mode; dropout's masks go on from the step's.
  std::vector<Tensor> full_gradient() override;
  /// Of classes, tokens and real targets, without label smoothing.
  SampledGradient sampled_gradient(const Rng& rng) override;

  /// What the gradients of the batches' examples say of their number, at the present weights; Parameter::grad must hold the mean
  /// gradient there. By norms and one product with the Jacobian of the losses (`directions`: else the variances along and across the
  /// gradient stay 0); no gradient of an example is kept. Throws as per_sample_gradients, UsageError for one example alone.
  GradientSpread spread(bool directions);

  /// Of the first evaluation.
  const Score& score() const { return score_; }
  const GradNorms& grad_norms() const { return norms_; }
  int64 examples() const { return examples_; }

 private:
  /// Calls use(loss of the batch, its weight) batch by batch, in training mode, recording or not.
  void evaluate(bool record, const std::function<void(const Tensor&, double)>& use);
  /// The mean loss of what was selected, in a pass of its own unless select()'s is still good.
  Tensor selected_loss(bool record);
  Tensor selected_loss_of(const Tensor& output) const;
  std::vector<Tensor> trained() const;
  /// gradient() by the method; also the score, in the first evaluation.
  double estimated_gradient(std::vector<Tensor>& sums);
  /// sums += weight * gradients of `loss` in `values`. Throws NumericError if the loss is not finite.
  static void add_gradients(const Tensor& loss, std::span<const Tensor> values, double weight,
                            std::vector<Tensor>& sums);
  /// One tensor per trained parameter as one per parameter.
  std::vector<Tensor> by_parameter(const std::vector<Tensor>& of_trained) const;
  /// A recorded gradient of one batch: its loss at `values`, as they were then.
  struct Recorded {
    std::vector<Tensor> values, grads;
    std::vector<std::uint32_t> versions;
  };
  /// The kept one if the weights have not changed since.
  const Recorded* kept() const;
  /// Whether the trained weights are the ones that were recorded, unchanged.
  bool unchanged(const Recorded& at) const;
  /// product += weight * H v, H the derivative of the recorded gradients.
  void add_product(const Recorded& at, std::span<const Tensor> v, double weight,
                   std::vector<Tensor>& product) const;

  Model& model_;
  const Parameters& parameters_;
  std::vector<Batch> batches_;
  LossOptions options_;
  BatchSources sources_;
  std::unique_ptr<ModelObjective> second_;
  Rng::State rng_;
  std::vector<Rng::State> batch_rng_;  // where the passes of each batch begin, by a gradient method
  bool evaluated_ = false;
  std::optional<Recorded> kept_;
  Tensor share_;                     // (B): 1/kept for examples that are, 0; undefined where all of them are
  std::optional<Recorded> pending_;  // select()'s pass, until it is used; its loss is in grads[0]
  int64 examples_ = 0;
  Score score_;
  GradNorms norms_;
};

}  // namespace gradus
