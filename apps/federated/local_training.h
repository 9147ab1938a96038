// What a client does with its batches, from the server's point on.
#pragma once

#include <string>

#include "apps/federated/problem.h"

namespace gradus {

/// What the server sends to its clients along with the point.
struct Broadcast {
  double lr_scale = 1;  ///< factor on the clients' step size this round
};

/// Clients are stateless: nothing of one call reaches the next.
class LocalTraining {
 public:
  virtual ~LocalTraining() = default;
  /// Trains the worker's parameters, which hold the server's point, by all batches. Returns the number of steps. Throws
  /// NumericError where a loss or a gradient is not finite.
  virtual int64 train(const Parameters& parameters, LocalBatches& batches,
                      const Broadcast& broadcast) const = 0;
  virtual std::string spec() const = 0;
};

/// Any optimizer of the library, made anew for each client and round; what is sent back are its weights to evaluate.
class OptimizerTraining final : public LocalTraining {
 public:
  /// Throws UsageError for what make_optimizer() refuses.
  OptimizerTraining(const std::string& optimizer, const Parameters& parameters);
  int64 train(const Parameters& parameters, LocalBatches& batches, const Broadcast& broadcast) const override;
  std::string spec() const override { return spec_; }

 private:
  std::string spec_;
};

}  // namespace gradus
