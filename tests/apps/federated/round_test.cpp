// Rounds of a federation: who takes part, the identities of the paper's methods, what an empty round leaves alone.
#include "apps/federated/round.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>

#include "apps/papers/federated/least_squares.h"
#include "core/error.h"

using namespace gradus;

namespace {

constexpr double kRoundTolerance = sizeof(real) == 8 ? 1e-13 : 3e-6;

Tensor round_tensor(const Shape& shape, std::uint64_t seed) { return Rng(seed).normal_tensor(shape); }

// 12 rows of 3 inputs and 2 outputs: client 0 has rows 0-5, client 1 rows 6-8, client 3 rows 9-11; client 2 has none.
LeastSquaresProblem small_federation() {
  LeastSquaresProblem problem(round_tensor({12, 3}, 1), round_tensor({12, 2}, 2), round_tensor({2, 3}, 3),
                              round_tensor({2}, 4));
  problem.set_clients(IntTensor::from({12}, {0, 0, 0, 0, 0, 0, 1, 1, 1, 3, 3, 3}));
  return problem;
}

// One round in which each of the clients makes one step on all its rows.
void one_full_step(LeastSquaresProblem& problem, const std::vector<int64>& clients) {
  std::vector<int64> rows;
  for (const int64 c : clients) {
    const int64 first = c == 0 ? 0 : c == 1 ? 6 : 9, count = c == 0 ? 6 : c == 2 ? 0 : 3;
    for (int64 j = 0; j < 6; ++j) rows.push_back(j < count ? first + j : -1);
  }
  const int64 n = std::ssize(clients);
  problem.prescribe(IntTensor::from({1, n}, clients), IntTensor::from({1, n, 1, 6}, rows));
}

// The gradient of 1/2 mean |W x + b - y|^2 over rows first..first+count-1, in loops in double.
std::vector<double> naive_gradient(const std::vector<real>& p, int64 first, int64 count) {
  const Tensor x = round_tensor({12, 3}, 1), y = round_tensor({12, 2}, 2);
  std::vector<double> g(8);
  for (int64 n = first; n < first + count; ++n)
    for (int64 o = 0; o < 2; ++o) {
      double r =
          static_cast<double>(p[static_cast<size_t>(6 + o)]) - static_cast<double>(y.data()[n * 2 + o]);
      for (int64 i = 0; i < 3; ++i)
        r +=
            static_cast<double>(p[static_cast<size_t>(o * 3 + i)]) * static_cast<double>(x.data()[n * 3 + i]);
      for (int64 i = 0; i < 3; ++i)
        g[static_cast<size_t>(o * 3 + i)] +=
            r * static_cast<double>(x.data()[n * 3 + i]) / static_cast<double>(count);
      g[static_cast<size_t>(6 + o)] += r / static_cast<double>(count);
    }
  return g;
}

bool round_near(const Tensor& a, const std::vector<double>& b) {
  for (size_t i = 0; i < b.size(); ++i)
    if (std::abs(static_cast<double>(a.data()[i]) - b[i]) > kRoundTolerance * (1 + std::abs(b[i])))
      return false;
  return a.numel() == std::ssize(b);
}

std::vector<real> points_of(const ServerPoint& p) { return p.x.values(); }

struct RoundSetUp {
  LeastSquaresProblem problem = small_federation();
  OptimizerTraining training{"sgd:lr=0.1", problem.parameters()};
  ServerRulePtr server = make_server_rule("fedavg");
  ServerPoint point = read_point(problem);
  std::optional<RoundResult> run(Weighting weighting = Weighting::kExamples) {
    return run_round(problem, training, *server, point, problem.plan(0), weighting);
  }
};

}  // namespace

TEST_CASE("rounds draw clients without replacement, in ascending order, keyed by seed and round") {
  const Rng rng(7);
  std::vector<int64> times(20);
  for (int64 t = 0; t < 2000; ++t) {
    const RoundPlan plan = draw_round(rng, t, 20, 5);
    CHECK(plan.round == t);
    CHECK(std::ssize(plan.clients) == 5);
    CHECK(std::is_sorted(plan.clients.begin(), plan.clients.end()));
    CHECK(std::set<int64>(plan.clients.begin(), plan.clients.end()).size() == 5);
    CHECK(plan.dropped.empty());
    for (const int64 c : plan.clients) ++times[static_cast<size_t>(c)];
  }
  for (const int64 n : times)
    CHECK(std::abs(static_cast<double>(n - 500)) < 5 * std::sqrt(2000 * 0.25 * 0.75));
  CHECK(draw_round(rng, 3, 20, 5).clients == draw_round(Rng(7), 3, 20, 5).clients);
  CHECK(draw_round(rng, 3, 20, 5).clients != draw_round(rng, 4, 20, 5).clients);
  CHECK(draw_round(rng, 3, 20, 5).clients != draw_round(Rng(8), 3, 20, 5).clients);
  CHECK(draw_round(rng, 0, 3, 3).clients == std::vector<int64>{0, 1, 2});
}

TEST_CASE("rounds lose clients by their own coins, whoever else is drawn") {
  const Rng rng(7);
  double dropped = 0;
  for (int64 t = 0; t < 1000; ++t) {
    const RoundPlan plan = draw_round(rng, t, 20, 10, 0.3), all = draw_round(rng, t, 20, 20, 0.3);
    CHECK(plan.clients.size() + plan.dropped.size() == 10);
    dropped += static_cast<double>(plan.dropped.size());
    for (const int64 c : plan.dropped) CHECK(std::binary_search(all.dropped.begin(), all.dropped.end(), c));
    std::vector<int64> both = plan.clients;
    both.insert(both.end(), plan.dropped.begin(), plan.dropped.end());
    std::sort(both.begin(), both.end());
    CHECK(both == draw_round(rng, t, 20, 10).clients);
  }
  CHECK(dropped / 10000 == doctest::Approx(0.3).epsilon(0.05));
}

TEST_CASE("fedavg: one client, one full-batch step, lr 1 is centralised gradient descent") {
  RoundSetUp s;
  const std::vector<real> before = points_of(s.point);
  one_full_step(s.problem, {0});
  CHECK(s.run()->averaged == 1);
  std::vector<double> expected = naive_gradient(before, 0, 6);
  for (size_t i = 0; i < expected.size(); ++i)
    expected[i] = static_cast<double>(before[i]) - 0.1 * expected[i];
  CHECK(round_near(s.point.x, expected));
}

TEST_CASE(
    "fedavg: the new model is the mean of the clients' models, by examples or alike, without empty clients") {
  for (const Weighting w : {Weighting::kExamples, Weighting::kUniform}) {
    RoundSetUp s;
    const std::vector<real> before = points_of(s.point);
    one_full_step(s.problem, {3, 2, 0, 1});
    const auto result = s.run(w);
    CHECK(result->averaged == 3);
    CHECK(result->empty == 1);
    const std::vector<double> p = w == Weighting::kUniform
                                      ? std::vector<double>{1 / 3.0, 1 / 3.0, 1 / 3.0}
                                      : std::vector<double>{6 / 12.0, 3 / 12.0, 3 / 12.0};
    const std::vector<std::vector<double>> g = {naive_gradient(before, 0, 6), naive_gradient(before, 6, 3),
                                                naive_gradient(before, 9, 3)};
    std::vector<double> expected(8);
    for (size_t i = 0; i < 8; ++i)
      for (size_t c = 0; c < 3; ++c) expected[i] += p[c] * (static_cast<double>(before[i]) - 0.1 * g[c][i]);
    CHECK(round_near(s.point.x, expected));

    RoundSetUp other;  // drawn in another order: the same bits
    one_full_step(other.problem, {0, 1, 2, 3});
    other.run(w);
    CHECK(points_of(other.point) == points_of(s.point));
  }
}

TEST_CASE("fedavg: clients that are all alike give what one of them gives") {
  const Tensor x = round_tensor({4, 3}, 5), y = round_tensor({4, 2}, 6);
  const auto run = [&](int64 clients) {
    Tensor xs({4 * clients, 3}), ys({4 * clients, 2});
    IntTensor owner({4 * clients}), sampled({1, clients}), batches({1, clients, 2, 2});
    for (int64 c = 0; c < clients; ++c) {
      std::copy_n(x.data(), 12, xs.mutable_data() + 12 * c);
      std::copy_n(y.data(), 8, ys.mutable_data() + 8 * c);
      sampled.mutable_data()[c] = c;
      for (int64 j = 0; j < 4; ++j)
        owner.mutable_data()[4 * c + j] = batches.mutable_data()[4 * c + j] = 4 * c + j;
      for (int64 j = 0; j < 4; ++j) owner.mutable_data()[4 * c + j] = c;
    }
    LeastSquaresProblem problem(xs, ys, round_tensor({2, 3}, 3), round_tensor({2}, 4));
    problem.set_clients(owner);
    problem.prescribe(sampled, batches);
    ServerPoint point = read_point(problem);
    run_round(problem, OptimizerTraining("sgd:lr=0.1", problem.parameters()), *make_server_rule("fedavg"),
              point, problem.plan(0), Weighting::kUniform);
    return point.x;
  };
  const Tensor one = run(1), four = run(4);
  CHECK(one.values() == four.values());  // quarters of equal numbers: exact
}

TEST_CASE(
    "rounds in which nobody has data change nothing on the server; clients without batches are averaged") {
  RoundSetUp s;
  s.server = make_server_rule("fedadam:lr=0.1");
  one_full_step(s.problem, {0, 1});
  s.run();
  const std::vector<real> after = points_of(s.point);
  const SavedState state = s.server->save_state();
  one_full_step(s.problem, {2});
  const auto nobody = s.run();
  CHECK(nobody->averaged == 0);
  CHECK(nobody->empty == 1);
  CHECK(points_of(s.point) == after);
  CHECK(s.server->save_state().scalars == state.scalars);
  CHECK(s.server->save_state().tensors.at("server/v").values() == state.tensors.at("server/v").values());
  RoundPlan lost{0, {}, {0, 1}};
  CHECK(run_round(s.problem, s.training, *s.server, s.point, lost, Weighting::kExamples)->averaged == 0);
  CHECK(points_of(s.point) == after);

  // Client 1 holds data and has no batch: half of client 0's displacement.
  RoundSetUp half, whole;
  half.problem.prescribe(IntTensor::from({1, 2}, {0, 1}), IntTensor::from({1, 2, 1, 2}, {0, 1, -1, -1}));
  whole.problem.prescribe(IntTensor::from({1, 1}, {0}), IntTensor::from({1, 1, 1, 2}, {0, 1}));
  const std::vector<real> start = points_of(half.point);
  half.run(Weighting::kUniform);
  whole.run(Weighting::kUniform);
  std::vector<double> expected;
  for (size_t i = 0; i < start.size(); ++i)
    expected.push_back((static_cast<double>(start[i]) + static_cast<double>(points_of(whole.point)[i])) / 2);
  CHECK(round_near(half.point.x, expected));
}

TEST_CASE("clients are stateless: momentum of one round does not reach the next") {
  RoundSetUp s;
  const OptimizerTraining momentum("sgd:lr=0.1,momentum=0.9", s.problem.parameters());
  s.problem.prescribe(IntTensor::from({1, 1}, {0}), IntTensor::from({1, 1, 2, 3}, {0, 1, 2, 3, 4, 5}));
  const ServerPoint start = s.point;
  const ClientUpdate first = train_client(s.problem, momentum, start, 0, 0);
  CHECK(first.report.steps == 2);
  const ClientUpdate again = train_client(s.problem, momentum, start, 0, 0);
  CHECK(first.delta.x.values() == again.delta.x.values());
  CHECK(first.delta.x.values() != train_client(s.problem, s.training, start, 0, 0).delta.x.values());
  // The server's factor on the clients' step size.
  const ClientUpdate twice = train_client(s.problem, s.training, start, 0, 0, {.lr_scale = 2});
  CHECK(twice.delta.x.values() ==
        train_client(s.problem, OptimizerTraining("sgd:lr=0.2", s.problem.parameters()), start, 0, 0)
            .delta.x.values());
}

TEST_CASE("a round that is stopped or diverges leaves the server as it was, and says where") {
  RoundSetUp s;
  one_full_step(s.problem, {0, 1});
  const std::vector<real> before = points_of(s.point);
  int left = 1;
  CHECK_FALSE(run_round(s.problem, s.training, *s.server, s.point, s.problem.plan(0), Weighting::kExamples,
                        [&] { return left-- <= 0; }));
  CHECK(points_of(s.point) == before);
  const OptimizerTraining wild("sgd:lr=1e30", s.problem.parameters());
  s.problem.prescribe(IntTensor::from({1, 1}, {1}),
                      IntTensor::from({1, 1, 12, 1}, {6, 7, 8, 6, 7, 8, 6, 7, 8, 6, 7, 8}));
  CHECK_THROWS_WITH_AS(
      run_round(s.problem, wild, *s.server, s.point, s.problem.plan(0), Weighting::kExamples),
      doctest::Contains("client 1 in round 1"), NumericError);
  CHECK(points_of(s.point) == before);
  CHECK_THROWS_AS(OptimizerTraining("adm", s.problem.parameters()), UsageError);
}
