// One round of a federation: who takes part, what the clients find, how the server moves.
#pragma once

#include <functional>
#include <optional>

#include "apps/federated/local_training.h"
#include "apps/federated/problem.h"
#include "core/communicator.h"
#include "core/rng.h"
#include "optim/server/aggregate.h"
#include "optim/server/server_rule.h"

namespace gradus {

/// The clients of a round, each list in ascending id.
struct RoundPlan {
  int64 round = 0;
  std::vector<int64> clients;  ///< that train and answer
  std::vector<int64> dropped;  ///< drawn, but lost on the way: stragglers, failures
};
/// Draws `per_round` of `clients` without replacement, keyed (seed, round), and drops each with probability `drop_rate`, keyed
/// (seed, round, client).
RoundPlan draw_round(const Rng& rng, int64 round, int64 clients, int64 per_round, double drop_rate = 0);

/// What the server holds: all trained parameters as one vector, in the order of the problem's, and its buffers likewise.
struct ServerPoint {
  Tensor x, buffers;
  Tensor direction =
      {};  ///< the mean displacement of the last round that had one, kept where clients ask for it
};
/// The worker's model as it is now.
ServerPoint read_point(FederatedProblem& problem);
/// The opposite.
void write_point(FederatedProblem& problem, const ServerPoint& point);

/// What a client sends back.
struct ClientUpdate {
  ServerPoint delta;  ///< its end minus the server's point
  Score score;        ///< of its local steps
  int64 steps = 0;
};
/// Local training of one client from the server's point. Errors name round and client.
ClientUpdate train_client(FederatedProblem& problem, const LocalTraining& training, const ServerPoint& point,
                          int64 round, int64 client, const Broadcast& broadcast = {});

struct RoundResult {
  Score train;         ///< of the clients' local steps, as they went
  int64 averaged = 0;  ///< clients whose update is in the mean
  int64 empty = 0;     ///< that hold no data
};
/// Trains the clients of the plan that have data, divided among the ranks, and lets the server step by their mean, in ascending
/// id, on every rank: the same bits for any number of ranks.
/// Buffers are averaged by the same weights and taken as they are. With nobody to average, nothing on the server changes.
/// Nothing is returned, and nothing on the server has changed, if `stop`, asked between clients, said so.
std::optional<RoundResult> run_round(FederatedProblem& problem, const LocalTraining& training,
                                     ServerRule& server, ServerPoint& point, const RoundPlan& plan,
                                     Weighting weighting, const std::function<bool()>& stop = nullptr,
                                     Communicator& ranks = one_process());

}  // namespace gradus
