// The loop of a federation: rounds of clients in one process or divided among ranks, the server's steps, evaluation, checkpoints.
//
// Randomness is keyed (seed, purpose, round, client), clients are summed in ascending id in double: a result depends neither
// on what ran before, nor on where a run was cut.
#pragma once

#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "apps/federated/config.h"
#include "apps/federated/model_problem.h"
#include "apps/federated/round.h"
#include "apps/federated/scores.h"
#include "apps/train/interrupt.h"
#include "apps/train/progress.h"
#include "apps/train/run_dir.h"
#include "core/communicator.h"
#include "data/dataset.h"
#include "nn/model.h"

namespace gradus {

/// Everything but weights and the server's state that decides how a run goes on.
struct FederationState {
  int64 round = 0;              ///< rounds made
  bool evaluation_due = false;  ///< stopped in front of the last row's evaluation
  std::vector<RoundRow> rows;   ///< one a round
  ClassScores last_test;        ///< of the last evaluation
  double seconds = 0;           ///< spent in rounds
};

class Federation {
 public:
  /// Opens the data, divides it, builds the worker's model. Throws what these throw; nothing is written yet.
  /// With several ranks all make the same calls, and the clients of a round are divided among them; rank 0 alone is given a
  /// run directory and shows its progress.
  explicit Federation(const FederatedConfig& config, Communicator& ranks = one_process());
  /// The same with data that are open already.
  Federation(const FederatedConfig& config, Data data, Communicator& ranks = one_process());

  /// One round more and its evaluation, or the evaluation that is due. False if `stop`, asked between clients and batches,
  /// ended it before: the server is as after the last whole round. Throws NumericError if training diverges.
  bool advance(const std::function<bool()>& stop = nullptr);
  bool done() const { return state_.round >= config_.rounds && !state_.evaluation_due; }

  /// Trains to the end, from `run`'s checkpoint if it has one, writing into it. False if `stop` ended it before (all is saved
  /// then); by default a signal does.
  bool train(const RunDirectory& run, bool quiet, const std::function<bool()>& stop = interrupted);
  /// Puts everything back from the run's checkpoint; without one, it is as at the start.
  void restore(const RunDirectory& run);

  const FederationState& state() const { return state_; }
  FederationSummary summary() const;
  /// The result as --json prints it.
  nlohmann::ordered_json result(const std::string& out) const;
  const Partition& partition() const { return partition_; }
  /// The worker's model with the server's weights.
  Model& model();

 private:
  void save(const RunDirectory& run);
  /// `first`: the round at which this process began; it has spent so many seconds in rounds.
  void show(Progress& progress, int64 first, double seconds) const;
  std::string diverged(const RunDirectory& run) const;

  FederatedConfig config_;
  Communicator& ranks_;
  Data data_;
  Rng rng_;
  Partition partition_;
  std::vector<std::vector<int64>> labels_;  // how many of each class a client has
  std::unique_ptr<Model> model_;
  std::unique_ptr<ModelProblem> problem_;
  std::unique_ptr<LocalTraining> training_;
  ServerRulePtr server_;
  ServerPoint point_;
  FederationState state_;
};

}  // namespace gradus
