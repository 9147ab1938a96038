// What a federation trains: one worker's parameters, and the clients' batches as objectives over them. The loop, the rules
// and the cases of papers see nothing else of model and data.
#pragma once

#include <memory>
#include <vector>

#include "apps/train/task.h"
#include "optim/objective.h"

namespace gradus {

/// A client's batches of one round, all local epochs in order.
class LocalBatches {
 public:
  virtual ~LocalBatches() = default;
  /// The objective of the next local step, over the worker's parameters as they are then; null behind the last one. Valid
  /// until the next call.
  virtual Objective* next() = 0;
  /// The epoch (0, 1, ...) of the batch that next() gave last.
  virtual int64 epoch() const { return 0; }
  /// Steps of all epochs together.
  virtual int64 steps() const = 0;
  /// Of the steps made so far, where there is one.
  virtual Score score() const { return {}; }
};

class FederatedProblem {
 public:
  virtual ~FederatedProblem() = default;
  /// The worker's parameters, which every client in turn trains.
  virtual const Parameters& parameters() const = 0;
  /// What else belongs to the worker's model and moves while it trains (running statistics); shares its storage.
  virtual std::vector<Tensor> buffers() { return {}; }
  virtual int64 clients() const = 0;
  /// Examples that a client holds; may be 0.
  virtual int64 examples(int64 client) const = 0;
  /// The batches of a client in a round (0, 1, ...): a function of these two, whatever was asked before.
  virtual std::unique_ptr<LocalBatches> batches(int64 round, int64 client) = 0;
};

}  // namespace gradus
