// What no entry of the optimizer registry may stumble over: zeros, infinities, flat curvature, threads.
#include "core/threads.h"
#include "tests/optim/contract.h"

using namespace gradus;
using namespace gradus::testing;

TEST_CASE("every optimizer: zero gradients do no harm") {
  for_every_optimizer([](const OptimizerEntry& entry) {
    Problem problem(make_parameters());
    const auto optimizer = make_optimizer(plain_spec(entry), problem.parameters());
    problem.scale = 0;
    for (int64 s = 1; s <= 4; ++s) optimizer->step(problem.at(s));
    CHECK(finite(weights(problem.parameters())));
    problem.scale = 1;
    for (int64 s = 5; s <= 8; ++s) optimizer->step(problem.at(s));
    CHECK(finite(weights(problem.parameters())));
  });
}

TEST_CASE("every optimizer: two threads give the bits of one") {
  const int before = threads();
  for_every_optimizer([](const OptimizerEntry& entry) {
    const auto run = [&](int n) {
      set_threads(n);
      Problem problem(make_parameters(23001));
      const auto optimizer = make_optimizer(plain_spec(entry), problem.parameters());
      for (int64 s = 1; s <= 3; ++s) optimizer->step(problem.at(s));
      return weights(problem.parameters());
    };
    // Matrix work goes through BLAS, whose sums depend on its threads (optim/README.md).
    static const std::vector<std::string> kMatrixWork = {
        "mars-shampoo", "muon",           "adamuon", "adago", "lanton", "egn",        "shampoo",
        "soap",         "whitening-soap", "splus",   "spa",   "psgd",   "subset-norm"};
    if (std::find(kMatrixWork.begin(), kMatrixWork.end(), entry.text.name) != kMatrixWork.end()) return;
    CHECK(run(1) == run(2));
  });
  set_threads(before);
}

TEST_CASE("every optimizer: a gradient that is not finite is refused and changes nothing") {
  for_every_optimizer([](const OptimizerEntry& entry) {
    for (const real bad : {std::numeric_limits<real>::quiet_NaN(), std::numeric_limits<real>::infinity()}) {
      Problem problem(make_parameters());
      const auto optimizer = make_optimizer(plain_spec(entry), problem.parameters());
      optimizer->step(problem.at(1));
      const auto before = weights(problem.parameters());
      problem.scale = bad;
      CHECK_THROWS_AS(optimizer->step(problem.at(2)), NumericError);
      CHECK(weights(problem.parameters()) == before);
    }
  });
}

TEST_CASE(
    "every optimizer: a NaN at other weights of the batch is refused and changes nothing, or is not met") {
  for_every_optimizer([](const OptimizerEntry& entry) {
    if (!make_optimizer(plain_spec(entry), make_parameters())->needs().re_evaluation) return;
    Problem problem(make_parameters());
    const auto optimizer = make_optimizer(plain_spec(entry), problem.parameters());
    for (int64 s = 1; s <= 3; ++s) optimizer->step(problem.at(s));
    const auto before = weights(problem.parameters());
    problem.poisoned_after = 1;
    try {
      optimizer->step(problem.at(4));
    } catch (const NumericError&) {
      CHECK(weights(problem.parameters()) == before);
    }
    CHECK(finite(weights(problem.parameters())));
  });
}

TEST_CASE("every optimizer: no curvature at all, equal gradients and vectors alone are borne") {
  for_every_optimizer([](const OptimizerEntry& entry) {
    Problem flat(make_parameters());
    flat.curvature = 0;
    const auto optimizer = make_optimizer(plain_spec(entry), flat.parameters());
    for (int64 s = 1; s <= 6; ++s) optimizer->step(flat.at(1));
    CHECK(finite(weights(flat.parameters())));
    if (entry.text.name == "companion") {
      CHECK_THROWS_AS(make_optimizer(plain_spec(entry), {make_parameters()[1]}), UsageError);
      return;
    }
    Problem vectors({make_parameters()[1]});
    const auto start = weights(vectors.parameters());
    const auto rule = make_optimizer(plain_spec(entry), vectors.parameters());
    for (int64 s = 1; s <= 12; ++s) rule->step(vectors.at(s));  // some first wait ten
    CHECK(finite(weights(vectors.parameters())));
    CHECK(weights(vectors.parameters()) != start);
  });
}
