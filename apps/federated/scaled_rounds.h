// Local SGD with a diagonal scaling that is frozen between meetings (SAVIC; optim/client/diagonal_scaling.h has paper and equations).
//
// Every client that holds data takes part in every round. Of one round r = 0, 1, ...:
//   each client, from the server's x:  for each of its batches  buf = momentum*buf + (1-momentum)*g,  x_i -= lr*buf/D_hat
//   x <- uniform mean of x_i
//   h from one more batch a client at the new x (or, h_source last, from the gradients of their last local steps); D changes
// D starts from h at the first x. One vector more than local SGD goes over the wire each round.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "apps/federated/round.h"
#include "apps/federated/scaling.h"
#include "optim/client/diagonal_scaling.h"

namespace gradus {

struct ScaledLocalOptions : ScaledClientOptions {
  std::string d_scope = "global";

  void visit(auto&& f) {
    ScaledClientOptions::visit(f);
    f("D_scope", d_scope, "one D for all clients, or each its own", choices({"global", "local"}));
  }
};

/// The batches a scaling is made of, and the directions of Hessian products.
class ScalingStatistics {
 public:
  virtual ~ScalingStatistics() = default;
  /// The batch of a client for the statistic number `index` (0: at the start); null: it has none. Valid until the next call.
  virtual Objective* batch(int64 index, int64 client) = 0;
  /// u (d) of +-1, for all clients the same.
  virtual Tensor direction(int64 index) = 0;
};

/// u times the mean over clients with a batch of their Hessians times u, (d); undefined if there is none. The worker holds the point.
Tensor hutchinson_diagonal(FederatedProblem& problem, ScalingStatistics& statistics, int64 index);

class ScaledRounds {
 public:
  /// Takes the worker's parameters for the first point. Throws UsageError for h_source last with a Hessian scaling.
  ScaledRounds(FederatedProblem& problem, ScalingStatistics& statistics, const ScaledLocalOptions& options);

  /// One round; the worker holds the new point then. Throws NumericError where a loss or gradient is not finite.
  void round();
  const ServerPoint& point() const { return point_; }
  /// D of all, or with scope local of each client with data, in ascending id; empty for identity.
  std::vector<Tensor> scalings() const;

 private:
  struct Client {
    int64 id;
    Tensor last_gradient;  // of its last local step, undefined without one
  };
  void measure();

  FederatedProblem& problem_;
  ScalingStatistics& statistics_;
  ScaledLocalOptions o_;
  std::vector<Client> clients_;           // that hold data
  std::vector<DiagonalScaling> scaling_;  // one, or one a client
  ServerPoint point_;
  int64 rounds_ = 0, measured_ = 0;
};

}  // namespace gradus
