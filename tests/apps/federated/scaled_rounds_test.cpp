// SAVIC on linear least squares: identity is local SGD, one draw of Hutchinson's is exact on a diagonal Hessian.
#include "apps/federated/scaled_rounds.h"

#include <doctest/doctest.h>

#include "apps/papers/federated/least_squares.h"
#include "core/error.h"

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
