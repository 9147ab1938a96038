#include "apps/papers/federated/federated_run.h"

#include <fmt/format.h>

#include <cmath>

#include "apps/federated/federation.h"
#include "core/error.h"
#include "data/clients/partition.h"
#include "data/vectors.h"

namespace gradus {
namespace {

// The normalised pixels, times a factor an example (none: 1).
DatasetPtr vectors_of(const Dataset& images, const std::vector<real>& scale) {
  DatasetInfo info = images.info();
  const int64 features = info.example.numel();
  info.kind = DataKind::kVectors;
  info.example = Shape{features};
  info.mean.clear();
  info.std.clear();
  Tensor x({images.size(), features});
  IntTensor y({images.size()});
  for (int64 i = 0; i < images.size(); ++i) {
    real* row = x.mutable_data() + i * features;
    images.read_reals(i, row);
    if (!scale.empty())
      for (int64 j = 0; j < features; ++j) row[j] *= scale[static_cast<size_t>(i)];
    y.mutable_data()[i] = images.label(i);
  }
  return std::make_shared<VectorSet>(info, x, y);
}

}  // namespace

double FederatedOutcome::rounds_to(double target, double otherwise) const {
  for (size_t i = 0; i < test_accuracy.y.size(); ++i)
    if (test_accuracy.y[i] >= target) return test_accuracy.x[i];
  return otherwise;
}

FederatedOutcome run_federation(const Trial& trial, const FederatedConfig& config, int64 done, int64 all) {
  return run_federation(trial, config, trial.data(config.data), done, all);
}

FederatedOutcome run_federation(const Trial& trial, const FederatedConfig& config, const Data& data,
                                int64 done, int64 all) {
  Federation federation(config, data);
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

Data scaled_by_client(const Trial& trial, const FederatedConfig& config) {
  const Data data = trial.data(config.data);
  const Partition parts =
      make_partition(config.partition, *data.train, config.clients, static_cast<std::uint64_t>(config.seed));
  std::vector<real> scale(static_cast<size_t>(data.train->size()), 1);
  const Rng draws = Rng(static_cast<std::uint64_t>(config.seed)).fork("client scales");
  for (size_t c = 0; c < parts.size(); ++c) {
    Rng own = draws.fork(static_cast<std::uint64_t>(c));
    const auto s = static_cast<real>(std::pow(10.0, own.uniform() - 0.5));
    for (const int64 i : parts[c]) scale[static_cast<size_t>(i)] = s;
  }
  return {vectors_of(*data.train, scale), vectors_of(*data.test, {})};
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
