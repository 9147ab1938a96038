#include "apps/federated/round.h"

#include <algorithm>
#include <numeric>

#include "autograd/functional/flat.h"
#include "core/error.h"
#include "optim/elements.h"

namespace gradus {
namespace {

std::vector<Tensor> trained_values(FederatedProblem& problem) {
  std::vector<Tensor> values;
  for (const auto& p : problem.parameters())
    if (!p->frozen) values.push_back(p->value);
  return values;
}

void scatter(const Tensor& flat, std::vector<Tensor> values) {
  const std::vector<Tensor> parts = unflatten(flat, values);
  for (size_t i = 0; i < values.size(); ++i) values[i].copy_from(parts[i]);
}

}  // namespace

namespace {

// Who trains which client: the largest ones first, each to the rank that has least to do.
std::vector<int> owners_of(const std::vector<int64>& examples, int ranks) {
  std::vector<size_t> order(examples.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return examples[a] > examples[b]; });
  std::vector<int> owners(examples.size());
  std::vector<int64> load(static_cast<size_t>(ranks));
  for (const size_t i : order) {
    const auto least = std::min_element(load.begin(), load.end());
    owners[i] = static_cast<int>(least - load.begin());
    *least += examples[i];
  }
  return owners;
}

// The update that rank `from` has.
ClientUpdate shared(Communicator& ranks, ClientUpdate update, int from, const ServerPoint& like) {
  if (ranks.alone()) return update;
  if (ranks.rank() != from) update.delta = {Tensor(like.x.shape()), Tensor(like.buffers.shape()), {}};
  for (Tensor* t : {&update.delta.x, &update.delta.buffers})
    ranks.broadcast(std::span(t->mutable_data(), static_cast<size_t>(t->numel())), from);
  ranks.broadcast(std::span(&update.score, 1), from);
  ranks.broadcast(std::span(&update.steps, 1), from);
  return update;
}

}  // namespace

RoundPlan draw_round(const Rng& rng, int64 round, int64 clients, int64 per_round, double drop_rate) {
  const auto t = static_cast<std::uint64_t>(round);
  std::vector<int64> drawn = rng.fork("sample").fork(t).permutation(clients);
  drawn.resize(static_cast<size_t>(std::min(per_round, clients)));
  std::sort(drawn.begin(), drawn.end());
  RoundPlan plan{round, {}, {}};
  for (const int64 c : drawn)
    (rng.fork("drop").fork(t).fork(static_cast<std::uint64_t>(c)).bernoulli(drop_rate) ? plan.dropped
                                                                                       : plan.clients)
        .push_back(c);
  return plan;
}

ServerPoint read_point(FederatedProblem& problem) {
  return {flatten_all(trained_values(problem)), flatten_all(problem.buffers()), {}};
}

void write_point(FederatedProblem& problem, const ServerPoint& point) {
  scatter(point.x, trained_values(problem));
  scatter(point.buffers, problem.buffers());
}

ClientUpdate train_client(FederatedProblem& problem, const LocalTraining& training, const ServerPoint& point,
                          int64 round, int64 client, const Broadcast& broadcast) {
  write_point(problem, point);
  ClientUpdate update;
  try {
    const std::unique_ptr<LocalBatches> batches = problem.batches(round, client);
    update.steps = training.train(problem.parameters(), *batches, broadcast);
    update.score = batches->score();
  } catch (const NumericError& e) {
    fail<NumericError>("client {} in round {}: {}", client, round + 1, e.what());
  }
  const ServerPoint end = read_point(problem);
  update.delta = {displacement(end.x, point.x), displacement(end.buffers, point.buffers)};
  if (!all_finite(update.delta.x) || !all_finite(update.delta.buffers))
    fail<NumericError>("client {} in round {}: its weights are no longer finite", client, round + 1);
  return update;
}

std::optional<RoundResult> run_round(FederatedProblem& problem, const LocalTraining& training,
                                     ServerRule& server, ServerPoint& point, const RoundPlan& plan,
                                     Weighting weighting, const std::function<bool()>& stop,
                                     Communicator& ranks) {
  std::vector<int64> examples;
  for (const int64 c : plan.clients) examples.push_back(problem.examples(c));
  const std::vector<double> weights = client_weights(examples, weighting);
  const Broadcast broadcast{server.client_lr_scale(), point.direction};
  WeightedSum x(point.x.numel()), buffers(point.buffers.numel());
  RoundResult result;
  double squares = 0;
  const std::vector<int> owners = owners_of(examples, ranks.size());
  std::vector<ClientUpdate> trained(plan.clients.size());
  bool stopped = false;
  const auto train = [&](size_t i) {
    stopped = stopped || (stop && stop());
    if (!stopped) trained[i] = train_client(problem, training, point, plan.round, plan.clients[i], broadcast);
  };
  if (!ranks.alone()) {
    together(ranks, [&] {
      for (size_t i = 0; i < owners.size(); ++i)
        if (examples[i] > 0 && owners[i] == ranks.rank()) train(i);
    });
    if (ranks.any(stopped)) return std::nullopt;
  }
  for (size_t i = 0; i < plan.clients.size(); ++i) {
    if (examples[i] == 0) {
      ++result.empty;
      continue;
    }
    if (ranks.alone()) train(i);
    if (stopped) return std::nullopt;
    const ClientUpdate update = shared(ranks, std::move(trained[i]), owners[i], point);
    x.add(weights[i], update.delta.x);
    buffers.add(weights[i], update.delta.buffers);
    squares += sum_of_squares(update.delta.x);
    result.train += update.score;
    ++result.averaged;
  }
  if (result.averaged == 0) return result;
  const Tensor delta = x.result();
  server.step(point.x, {delta, result.averaged, squares / static_cast<double>(result.averaged)});
  if (training.uses_direction()) point.direction = delta;
  displace(point.buffers, buffers.result());
  return result;
}

}  // namespace gradus
