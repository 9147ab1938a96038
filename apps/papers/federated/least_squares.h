// The small federation that the cases of this family share: linear least squares with several outputs.
//   pred = x weight' + bias,  loss of a batch = 1/2 mean over its rows of sum over outputs of (pred - y)^2
// Clients, and the rows of every batch, are prescribed.
#pragma once

#include "apps/federated/problem.h"
#include "apps/federated/round.h"

namespace gradus {

class LeastSquaresProblem final : public FederatedProblem {
 public:
  /// x (N,d), y (N,o), weight (o,d), bias (o); the last two are copied.
  LeastSquaresProblem(const Tensor& x, const Tensor& y, const Tensor& weight, const Tensor& bias);

  /// The client that owns each row (N); those from the largest on hold nothing. Throws DataError for a negative one.
  void set_clients(const IntTensor& client_of);
  /// The clients of every round (T,S), and their batches (T,S,K,B): rows, padded by -1; a batch of -1 alone is no step.
  /// Throws DataError for a client twice in a round and for rows that do not exist.
  /// `epochs`: how many local epochs of as many batches each they are.
  void prescribe(const IntTensor& sampled, const IntTensor& batches, int64 epochs = 1);
  /// The objective of these rows; -1: padding. Null if none is left. Valid until the next call.
  Objective* batch_of(std::span<const int64> rows);
  /// The clients of round t as a plan.
  RoundPlan plan(int64 t) const;

  const Parameters& parameters() const override { return parameters_; }
  int64 clients() const override { return static_cast<int64>(examples_.size()); }
  int64 examples(int64 client) const override;
  std::unique_ptr<LocalBatches> batches(int64 round, int64 client) override;
  /// Loss of the worker's model over all rows.
  double loss() const;

 private:
  Tensor x_, y_;
  Parameters parameters_;
  std::vector<int64> examples_;
  IntTensor sampled_, batches_;
  int64 epochs_ = 1;
  std::unique_ptr<Objective> batch_;
};

}  // namespace gradus
