#include "apps/federated/round.h"

#include <algorithm>
#include <numeric>
#include <utility>

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

// Rounds of the batches that a scaling is made of: no round of training has such a number.
constexpr int64 kStatisticsRounds = int64{1} << 40;

Tensor mean_of(const std::vector<Tensor>& all) {
  WeightedSum mean(all[0].numel());
  for (const Tensor& h : all) mean.add(1.0 / static_cast<double>(all.size()), h);
  return mean.result();
}

void change_scaling(const ScaledClientOptions& o, const std::vector<Tensor>& statistics, ServerPoint& point) {
  if (statistics.empty()) return;
  DiagonalScaling scaling(o, point.scaling, point.scaling_updates);
  scaling.update(mean_of(statistics));
  point.scaling = scaling.d();
  point.scaling_updates = scaling.updates();
}

// The tensor that rank `from` has, of this shape; undefined where it is so there.
Tensor shared(Communicator& ranks, const Tensor& own, int from, const Shape& shape) {
  if (ranks.alone()) return own;
  char there = own.defined();
  ranks.broadcast(std::span(&there, 1), from);
  if (!there) return {};
  Tensor t = ranks.rank() == from ? own : Tensor(shape);
  ranks.broadcast(std::span(t.mutable_data(), static_cast<size_t>(t.numel())), from);
  return t;
}

// The update that rank `from` has.
ClientUpdate shared(Communicator& ranks, ClientUpdate update, int from, const ServerPoint& like) {
  if (ranks.alone()) return update;
  update.delta.x = shared(ranks, update.delta.x, from, like.x.shape());
  update.delta.buffers = shared(ranks, update.delta.buffers, from, like.buffers.shape());
  update.report.last_gradient = shared(ranks, update.report.last_gradient, from, like.x.shape());
  ranks.broadcast(std::span(&update.score, 1), from);
  ranks.broadcast(std::span(&update.report.steps, 1), from);
  return update;
}

// h of each client with data at the server's point, each by one rank, on every rank. Empty where `stop` said so.
std::optional<std::vector<Tensor>> client_statistics(FederatedProblem& problem, const ScaledClientOptions& o,
                                                     const ServerPoint& point, const RoundPlan& plan,
                                                     const std::function<bool()>& stop, const Rng& rng,
                                                     Communicator& ranks) {
  Tensor u;
  if (o.by_hessian())
    u = rng.fork("scaling").fork(static_cast<std::uint64_t>(plan.round)).rademacher_tensor(point.x.shape());
  const size_t count = plan.clients.size();
  const auto owner = [&](size_t i) { return static_cast<int>(i % static_cast<size_t>(ranks.size())); };
  std::vector<Tensor> own(count);
  bool stopped = false;
  together(ranks, [&] {
    for (size_t i = 0; i < count; ++i) {
      const int64 client = plan.clients[i];
      if (owner(i) != ranks.rank() || problem.examples(client) == 0) continue;
      stopped = stopped || (stop && stop());
      if (stopped) return;
      write_point(problem, point);
      const std::unique_ptr<LocalBatches> batches = problem.batches(kStatisticsRounds + plan.round, client);
      Objective* batch = batches->next();
      if (!batch) continue;
      if (!u.defined()) {
        own[i] = flat_gradient(problem.parameters(), *batch);
        continue;
      }
      own[i] = flat_hessian_product(problem.parameters(), *batch, u);
      for_each_element(own[i], std::as_const(u), [](real& h, real sign) { h *= sign; });
    }
  });
  if (ranks.any(stopped)) return std::nullopt;
  std::vector<Tensor> all;
  for (size_t i = 0; i < count; ++i)
    if (const Tensor h = shared(ranks, own[i], owner(i), point.x.shape()); h.defined()) all.push_back(h);
  return all;
}

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
    update.report = training.train(problem.parameters(), *batches, broadcast);
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
                                     Weighting weighting, const std::function<bool()>& stop, const Rng& rng,
                                     Communicator& ranks) {
  std::vector<int64> examples;
  for (const int64 c : plan.clients) examples.push_back(problem.examples(c));
  const std::vector<double> weights = client_weights(examples, weighting);
  const ScaledClientOptions* scaling = training.scaling();
  const bool scales = scaling && !scaling->identity();
  ServerPoint scaled = point;  // with the D of this round; nothing of the server changes before all is there
  if (scales && (scaling->h_source == "batch" || !point.scaling.defined())) {
    const auto statistics = client_statistics(problem, *scaling, point, plan, stop, rng, ranks);
    if (!statistics) return std::nullopt;
    change_scaling(*scaling, *statistics, scaled);
  }
  const Broadcast broadcast{server.client_lr_scale(), point.direction,
                            scales && scaled.scaling.defined()
                                ? DiagonalScaling(*scaling, scaled.scaling, scaled.scaling_updates).floored()
                                : Tensor()};
  std::vector<Tensor> last;
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
    if (scales && update.report.last_gradient.defined()) last.push_back(update.report.last_gradient);
    result.train += update.score;
    ++result.averaged;
  }
  if (result.averaged == 0) return result;
  const Tensor delta = x.result();
  server.step(point.x, {delta, result.averaged, squares / static_cast<double>(result.averaged)});
  if (training.uses_direction()) point.direction = delta;
  if (scales && scaling->h_source == "last") change_scaling(*scaling, last, scaled);
  point.scaling = scaled.scaling;
  point.scaling_updates = scaled.scaling_updates;
  displace(point.buffers, buffers.result());
  return result;
}

}  // namespace gradus
