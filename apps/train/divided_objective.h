// The objective of a step whose batch is divided: among ranks that each have a part of the examples, or, for results that do not
// depend on how many ranks there are, into a fixed number of parts that are given to whatever ranks there are.
//
//   fast:   a part a rank; gradients are summed by all ranks while the backward pass goes on. Equal to those of one process
//           with the whole batch, to rounding; batch norm takes statistics over all ranks (or, if told, per rank).
//   fixed:  `parts` parts of (almost) equal size, the same ones for any number of ranks, one too. Gradients are summed part
//           after part in double (core/ordered_sum.h): the same bits whoever computed which part. Batch norm takes the
//           statistics of each part; running statistics move by the mean over the parts.
// Examples begin..end-1 of part k are those from ceil(n*k/parts); dropout draws for each what it draws in the whole batch.
#pragma once

#include <memory>
#include <vector>

#include "apps/train/objective.h"
#include "core/communicator.h"

namespace gradus {

struct Division {
  Communicator* ranks = &one_process();
  int64 parts = 0;  ///< of a batch, summed in a fixed order; 0: a part a rank, as fast as can be
  bool statistics_of_all = true;  ///< batch norm's, of the whole batch; where parts = 0
};

class DividedObjective final : public Objective {
 public:
  /// As ModelObjective, every rank with the whole batches. All ranks ask for the same, in the same order.
  DividedObjective(Model& model, const Parameters& parameters, std::vector<Batch> batches,
                   const LossOptions& options, const Division& division);
  ~DividedObjective() override;

  const Parameters& parameters() const override { return parameters_; }
  Needs offers() const override { return offered(); }
  static Needs offered() { return {.loss = true, .re_evaluation = true, .hvp = true}; }
  double loss() override;
  /// Throws NumericError, on every rank, if the loss is not finite on one.
  double gradient() override;
  std::vector<Tensor> hvp(std::span<const Tensor> v) override;

  /// Of the first evaluation, of all ranks.
  const Score& score() const { return score_; }
  const GradNorms& grad_norms() const { return norms_; }
  int64 examples() const { return examples_; }

 private:
  struct Part;
  struct Note;
  bool fixed() const { return division_.parts > 0; }
  Communicator& ranks() const { return *division_.ranks; }
  std::vector<Tensor> trained() const;
  /// Calls use(part) for each of this rank's parts, set up for its place in its batch. The first time it makes their
  /// objectives, and afterwards the generator stands behind the whole step on every rank.
  void for_own_parts(const std::function<void(Part&)>& use);
  /// Puts together what the parts came to. Throws NumericError if a loss is not finite.
  double loss_of_all(bool first);
  /// One tensor per parameter from those of the trained ones.
  std::vector<Tensor> by_parameter(std::vector<Tensor> of_trained) const;
  double fixed_gradient(bool first);
  double fast_gradient(bool first);

  Model& model_;
  const Parameters& parameters_;
  std::vector<Batch> batches_;
  LossOptions options_;
  Division division_;
  std::vector<Tensor> buffers_;               // of the model, sharing its storage
  std::vector<std::unique_ptr<Part>> parts_;  // of this rank
  std::vector<int> owners_;                   // of all parts
  std::vector<int64> sizes_;
  std::vector<bool> missing_;  // batches of which some rank has no part
  bool evaluated_ = false;
  int64 examples_ = 0;
  Score score_;
  GradNorms norms_;
};

}  // namespace gradus
