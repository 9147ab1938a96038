// SAVIC on linear least squares: identity is local SGD, one draw of Hutchinson's is exact on a diagonal Hessian.
#include "apps/federated/scaled_rounds.h"

#include <doctest/doctest.h>

#include <utility>

#include "apps/federated/local_training.h"
#include "apps/papers/federated/least_squares.h"
#include "core/error.h"
#include "core/options.h"

using namespace gradus;

namespace {

// Three clients of two rows each; every round two local steps of one row.
struct ScaledSetUp : ScalingStatistics {
  LeastSquaresProblem problem{Rng(1).normal_tensor({6, 2}), Rng(2).normal_tensor({6, 1}),
                              Rng(3).normal_tensor({1, 2}), Rng(4).normal_tensor({1})};
  ScaledSetUp() {
    problem.set_clients(IntTensor::from({6}, {0, 0, 1, 1, 2, 2}));
    std::vector<int64> rows;
    for (int t = 0; t < 3; ++t)
      for (int64 r = 0; r < 6; ++r) rows.push_back(r);
    problem.prescribe(IntTensor::from({3, 3}, {0, 1, 2, 0, 1, 2, 0, 1, 2}),
                      IntTensor::from({3, 3, 2, 1}, rows));
  }
  Objective* batch(int64, int64 client) override {
    return problem.batch_of(std::vector<int64>{2 * client, 2 * client + 1});
  }
  Tensor direction(int64 index) override {
    return Rng(7).fork(static_cast<std::uint64_t>(index)).rademacher_tensor({3});
  }
};

// The Hessian of all rows of 1/2 mean (w x + b - y)^2 is that of the design: here a diagonal one.
struct DiagonalSetUp : ScalingStatistics {
  LeastSquaresProblem problem{Tensor::from({2, 2}, {real(2), real(0), real(0), real(1)}),
                              Tensor::from({2, 1}, {real(1), real(-3)}), Tensor::zeros({1, 2}),
                              Tensor::zeros({1})};
  Objective* batch(int64, int64) override { return problem.batch_of(std::vector<int64>{0, 1}); }
  Tensor direction(int64 index) override {
    return Rng(8).fork(static_cast<std::uint64_t>(index)).rademacher_tensor({3});
  }
};

}  // namespace

TEST_CASE("local scaling: identity is local SGD with the uniform mean") {
  ScaledSetUp a, b;
  ScaledLocalOptions options;
  options.scaling = "identity", options.lr = 0.05;
  ScaledRounds scaled(a.problem, a, options);
  CHECK(scaled.scalings().empty());
  const OptimizerTraining sgd("sgd:lr=0.05", b.problem.parameters());
  const ServerRulePtr mean = make_server_rule("fedavg");
  ServerPoint point = read_point(b.problem);
  for (int64 t = 0; t < 3; ++t) {
    scaled.round();
    run_round(b.problem, sgd, *mean, point, b.problem.plan(t), Weighting::kUniform);
    for (int64 i = 0; i < point.x.numel(); ++i)
      CHECK(scaled.point().x.data()[i] == doctest::Approx(point.x.data()[i]).epsilon(1e-6));
  }
}

TEST_CASE("local scaling: a D held at 1 by its floor is local SGD too, and lr goes by 1/alpha") {
  ScaledSetUp a, b;
  ScaledLocalOptions plain, floored;
  plain.scaling = "identity", plain.lr = 0.05;
  floored.scaling = "rmsprop", floored.alpha = 1000, floored.lr = 50;
  ScaledRounds one(a.problem, a, plain), other(b.problem, b, floored);
  one.round(), other.round();
  for (int64 i = 0; i < 3; ++i)
    CHECK(one.point().x.data()[i] == doctest::Approx(other.point().x.data()[i]).epsilon(1e-5));
}

namespace {

// A federation's view of the same problem: the batches of statistics have rounds of their own.
struct ServedProblem final : FederatedProblem {
  explicit ServedProblem(ScaledSetUp& s) : set_up(s) {}
  struct OneBatch final : LocalBatches {
    Objective* batch;
    explicit OneBatch(Objective* b) : batch(b) {}
    Objective* next() override { return std::exchange(batch, nullptr); }
    int64 steps() const override { return 1; }
  };
  const Parameters& parameters() const override { return set_up.problem.parameters(); }
  int64 clients() const override { return set_up.problem.clients(); }
  int64 examples(int64 client) const override { return set_up.problem.examples(client); }
  std::unique_ptr<LocalBatches> batches(int64 round, int64 client) override {
    if (round < 3) return set_up.problem.batches(round, client);
    return std::make_unique<OneBatch>(set_up.batch(round, client));
  }
  ScaledSetUp& set_up;
};

}  // namespace

TEST_CASE("local scaling: as a client of a federation it makes the paper's rounds") {
  for (const char* options : {"scaling=adam,alpha=0.01", "scaling=rmsprop,h_source=last,momentum=0.5",
                              "scaling=adahessian,floor=add", "scaling=identity"}) {
    CAPTURE(options);
    ScaledSetUp a, b;
    ScaledLocalOptions o;
    set_options(o, parse_options(options), "test");
    o.lr = 0.02;
    ServedProblem served(b);
    const std::unique_ptr<LocalTraining> client =
        make_local_training(std::string("local-scaling:lr=0.02,") + options, served.parameters());
    const ServerRulePtr mean = make_server_rule("fedavg");
    ServerPoint point = read_point(served);
    // A direction of +-1 of a round: what the federation draws.
    struct Drawn final : ScalingStatistics {
      ScaledSetUp& s;
      explicit Drawn(ScaledSetUp& set_up) : s(set_up) {}
      Objective* batch(int64 i, int64 client) override { return s.batch(i, client); }
      Tensor direction(int64 i) override {
        return Rng(7).fork("scaling").fork(static_cast<std::uint64_t>(i)).rademacher_tensor({3});
      }
    } drawn(a);
    ScaledRounds scaled(a.problem, drawn, o);
    for (int64 t = 0; t < 3; ++t) {
      scaled.round();
      run_round(served, *client, *mean, point, b.problem.plan(t), Weighting::kUniform, nullptr, Rng(7));
      for (int64 i = 0; i < point.x.numel(); ++i)
        CHECK(scaled.point().x.data()[i] == doctest::Approx(point.x.data()[i]).epsilon(1e-5));
    }
    CHECK(point.scaling.defined() == (std::string(options) != "scaling=identity"));
  }
  ScaledSetUp c;
  CHECK_THROWS_AS(make_local_training("local-scaling:scaling=oasis,h_source=last", c.problem.parameters()),
                  UsageError);
  CHECK_THROWS_AS(make_local_training("local-scaling:D_scope=local", c.problem.parameters()), UsageError);
}

TEST_CASE("local scaling: one of Hutchinson's draws gives a diagonal Hessian but for the bias's row") {
  DiagonalSetUp d;
  d.problem.set_clients(IntTensor::from({2}, {0, 0}));
  const Tensor u = d.direction(0), h = hutchinson_diagonal(d.problem, d, 0);
  // H = [[2, 0, 1], [0, 1/2, 1/2], [1, 1/2, 1]] of (w_1, w_2, b); h = u * H u.
  const double u0 = static_cast<double>(u.data()[0]), u1 = static_cast<double>(u.data()[1]),
               u2 = static_cast<double>(u.data()[2]);
  CHECK(h.data()[0] == doctest::Approx(2 + u0 * u2));
  CHECK(h.data()[1] == doctest::Approx(0.5 + u1 * u2 / 2));
  CHECK(h.data()[2] == doctest::Approx(1 + u0 * u2 + u1 * u2 / 2));
}

TEST_CASE("local scaling: each client has its own with scope local; Hessians have no last gradients") {
  ScaledSetUp a;
  ScaledLocalOptions options;
  options.d_scope = "local", options.alpha = 0.5;
  ScaledRounds rounds(a.problem, a, options);
  CHECK(rounds.scalings().size() == 3);
  CHECK(rounds.scalings()[0].values() != rounds.scalings()[1].values());
  options.scaling = "oasis", options.h_source = "last";
  CHECK_THROWS_AS(ScaledRounds(a.problem, a, options), UsageError);
}
