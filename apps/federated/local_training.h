// What a client does with its batches, from the server's point on.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "apps/federated/problem.h"
#include "apps/federated/scaling.h"
#include "optim/client/hyper_local_rate.h"

namespace gradus {

/// What the server sends to its clients along with the point.
struct Broadcast {
  double lr_scale = 1;  ///< factor on the clients' step size this round
  Tensor direction =
      {};  ///< (d) the mean displacement of the last round; undefined before it, or if nobody asks for it
  Tensor divisor = {};  ///< (d) D_hat of local scaling; undefined: ones
};

/// What a client says of its training besides the weights.
struct LocalReport {
  int64 steps = 0;
  std::vector<double> factors = {};  ///< on lr, of each step, where the step size sets itself
  Tensor last_gradient = {};         ///< (d) of its last step, where a scaling is made of it
};

/// Clients are stateless: nothing of one call reaches the next.
class LocalTraining {
 public:
  virtual ~LocalTraining() = default;
  /// Trains the worker's parameters, which hold the server's point, by all batches. Throws NumericError where a loss or a gradient is
  /// not finite.
  virtual LocalReport train(const Parameters& parameters, LocalBatches& batches,
                            const Broadcast& broadcast) const = 0;
  virtual std::string spec() const = 0;
  /// Whether it looks at Broadcast::direction: the server sends another vector then.
  virtual bool uses_direction() const { return false; }
  /// The scaling that the server keeps for it, or null.
  virtual const ScaledClientOptions* scaling() const { return nullptr; }
};

/// Any optimizer of the library, made anew for each client and round; what is sent back are its weights to evaluate.
class OptimizerTraining final : public LocalTraining {
 public:
  /// Throws UsageError for what make_optimizer() refuses.
  OptimizerTraining(const std::string& optimizer, const Parameters& parameters);
  LocalReport train(const Parameters& parameters, LocalBatches& batches,
                    const Broadcast& broadcast) const override;
  std::string spec() const override { return spec_; }

 private:
  std::string spec_;
};

/// Local SGD whose step size follows hypergradients: "fedhyper-cl:lr=0.05" (optim/client/hyper_local_rate.h).
class HyperLocalTraining final : public LocalTraining {
 public:
  explicit HyperLocalTraining(const HyperLocalOptions& options) : options_(options) {}
  LocalReport train(const Parameters& parameters, LocalBatches& batches,
                    const Broadcast& broadcast) const override;
  std::string spec() const override;
  bool uses_direction() const override { return true; }

 private:
  HyperLocalOptions options_;
};

/// Local SGD with a diagonal scaling that changes between rounds: "local-scaling:lr=0.05,scaling=adam" (scaling.h).
class ScaledLocalTraining final : public LocalTraining {
 public:
  /// Throws UsageError for h_source last with a Hessian scaling.
  explicit ScaledLocalTraining(const ScaledClientOptions& options);
  LocalReport train(const Parameters& parameters, LocalBatches& batches,
                    const Broadcast& broadcast) const override;
  std::string spec() const override;
  const ScaledClientOptions* scaling() const override { return &options_; }

 private:
  ScaledClientOptions options_;
};

/// A way of local training by name: "fedhyper-cl", "local-scaling", or any optimizer of the library. Throws UsageError.
std::unique_ptr<LocalTraining> make_local_training(const std::string& spec, const Parameters& parameters);

}  // namespace gradus
