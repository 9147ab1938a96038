#include "apps/papers/federated/federated_run.h"

#include <fmt/format.h>

#include <cmath>

#include "apps/federated/federation.h"
#include "core/error.h"

namespace gradus {

double FederatedOutcome::rounds_to(double target, double otherwise) const {
  for (size_t i = 0; i < test_accuracy.y.size(); ++i)
    if (test_accuracy.y[i] >= target) return test_accuracy.x[i];
  return otherwise;
}

FederatedOutcome run_federation(const Trial& trial, const FederatedConfig& config, int64 done, int64 all) {
  Federation federation(config, trial.data(config.data));
  FederatedOutcome outcome;
  try {
    while (!federation.done()) {
      federation.advance();
      const double share = static_cast<double>(federation.state().round) / static_cast<double>(config.rounds);
      trial.checkpoint((static_cast<double>(done) + share) / static_cast<double>(all));
    }
  } catch (const NumericError& e) {
    outcome.diverged = true;
    outcome.note = e.what();
  }
  const double mean = federation.summary().last_mean;
  outcome.accuracy = outcome.diverged || !std::isfinite(mean) ? 0 : mean;
  outcome.test_accuracy.x_label = "round";
  for (const RoundRow& row : federation.state().rows) {
    if (std::isnan(row.test_accuracy)) continue;
    outcome.test_accuracy.x.push_back(static_cast<double>(row.round));
    outcome.test_accuracy.y.push_back(row.test_accuracy);
  }
  return outcome;
}

FederatedConfig small_federation(const Trial& trial, const std::string& data, double alpha) {
  FederatedConfig c;
  c.data = data;
  c.model = "mlp:hidden=64";
  c.clients = 100;
  c.partition = fmt::format("dirichlet:alpha={}", alpha);
  c.per_round = 10;
  c.batch_size = 64;
  c.weighting = "uniform";
  c.seed = trial.seed;
  if (trial.quick) c.data = "digits:train=200,test=100", c.model = "mlp:hidden=8", c.clients = 20;
  return c;
}

}  // namespace gradus
