// What a client does with its batches, from the server's point on.
#pragma once

#include <memory>
#include <string>

#include "apps/federated/problem.h"
#include "optim/client/hyper_local_rate.h"

namespace gradus {

/// What the server sends to its clients along with the point.
struct Broadcast {
  double lr_scale = 1;  ///< factor on the clients' step size this round
  Tensor direction =
      {};  ///< (d) the mean displacement of the last round; undefined before it, or if nobody asks for it
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
  /// Whether it looks at Broadcast::direction: the server sends another vector then.
  virtual bool uses_direction() const { return false; }
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

/// Local SGD whose step size follows hypergradients: "fedhyper-cl:lr=0.05" (optim/client/hyper_local_rate.h).
class HyperLocalTraining final : public LocalTraining {
 public:
  explicit HyperLocalTraining(const HyperLocalOptions& options) : options_(options) {}
  int64 train(const Parameters& parameters, LocalBatches& batches, const Broadcast& broadcast) const override;
  std::string spec() const override;
  bool uses_direction() const override { return true; }
  /// The factors on lr of the steps made by the last call.
  const std::vector<double>& factors() const { return factors_; }

 private:
  HyperLocalOptions options_;
  mutable std::vector<double> factors_;
};

/// A way of local training by name: "fedhyper-cl", or any optimizer of the library. Throws UsageError.
std::unique_ptr<LocalTraining> make_local_training(const std::string& spec, const Parameters& parameters);

}  // namespace gradus
