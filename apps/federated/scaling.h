// Parts of local scaling that the paper's rounds (scaled_rounds.h) and a federation (round.h) share: the steps of a client by a divisor
// that stands still, and what the divisor is made of. Paper and equations: optim/client/diagonal_scaling.h.
#pragma once

#include <string>

#include "apps/federated/problem.h"
#include "optim/client/diagonal_scaling.h"

namespace gradus {

struct LocalReport;

struct ScaledClientOptions : ScalingOptions {
  double lr = 0.1, momentum = 0;
  std::string h_source = "batch";

  void visit(auto&& f) {
    ScalingOptions::visit(f);
    f("lr", lr, "step size of the clients", positive());
    f("momentum", momentum, "share of a client's velocity that is kept; it starts at 0 each round",
      decay_rate());
    f("h_source", h_source, "gradients of a batch of their own, or those of the last local steps",
      choices({"batch", "last"}));
  }
};
/// Throws UsageError for h_source last with a scaling by Hessians.
void check_scaling(const ScaledClientOptions& options);

/// buf = momentum*buf + (1-momentum)*g,  x -= lr*buf/divisor for each batch; `divisor` (d) over the parameters that are trained, undefined:
/// ones. Throws NumericError where a loss or gradient is not finite.
LocalReport scaled_local_steps(const Parameters& parameters, LocalBatches& batches, const Tensor& divisor,
                               double lr, double momentum);

/// Gradient (d) of a batch over the parameters that are trained. Throws as above.
Tensor flat_gradient(const Parameters& parameters, Objective& batch);
/// The Hessian times u, (d).
Tensor flat_hessian_product(const Parameters& parameters, Objective& batch, const Tensor& u);

}  // namespace gradus
