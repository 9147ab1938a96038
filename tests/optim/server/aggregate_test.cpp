// The mean over clients: weights, clients without examples, the order and precision of sums.
#include "optim/server/aggregate.h"

#include <doctest/doctest.h>

#include "core/error.h"
#include "core/rng.h"
#include "core/threads.h"

using namespace gradus;

TEST_CASE("client weights: by examples or alike, none for clients without") {
  const std::vector<int64> n{3, 5, 0, 1};
  CHECK(client_weights(n, Weighting::kExamples) == std::vector<double>{3 / 9.0, 5 / 9.0, 0, 1 / 9.0});
  CHECK(client_weights(n, Weighting::kUniform) == std::vector<double>{1 / 3.0, 1 / 3.0, 0, 1 / 3.0});
  for (const Weighting w : {Weighting::kExamples, Weighting::kUniform}) {
    CHECK(client_weights(std::vector<int64>{0, 0}, w) == std::vector<double>{0, 0});
    CHECK_THROWS_AS(client_weights(std::vector<int64>{1, -1}, w), DataError);
  }
  CHECK(weighting_of("uniform") == Weighting::kUniform);
  CHECK_THROWS_WITH_AS(weighting_of("exampels"), doctest::Contains("did you mean 'examples'"), UsageError);
}

TEST_CASE("fedavg: server x plus the uniform mean of displacements is the mean of the clients' models") {
  // Binary fractions: every sum is exact.
  const Tensor x = Tensor::from({3}, {real(1), real(-2), real(0.5)});
  const std::vector<Tensor> clients{Tensor::from({3}, {real(2), real(-1), real(0.25)}),
                                    Tensor::from({3}, {real(0), real(-4), real(0.75)})};
  WeightedSum sum(3);
  for (const Tensor& c : clients) sum.add(0.5, displacement(c, x));
  Tensor moved = x.clone();
  displace(moved, sum.result());
  CHECK(moved.values() == std::vector<real>{real(1), real(-2.5), real(0.5)});
}

TEST_CASE("weighted sums: in double in the order added, rounded once, for any number of threads") {
  // 1 + 2^-40 - 1 = 2^-40 in double; a float sum would lose it.
  WeightedSum small(1);
  small.add(1, Tensor::ones({1}));
  small.add(std::ldexp(1.0, -40), Tensor::ones({1}));
  small.add(-1, Tensor::ones({1}));
  CHECK(static_cast<double>(small.result().data()[0]) == std::ldexp(1.0, -40));

  Rng rng(3);
  const Tensor a = rng.normal_tensor({100003}), b = rng.normal_tensor({100003});
  const int before = threads();
  std::vector<std::vector<real>> results;
  for (const int n : {1, 2, 3}) {
    set_threads(n);
    WeightedSum sum(a.numel());
    sum.add(0.3, a);
    sum.add(0.7, b);
    results.push_back(sum.result().values());
  }
  set_threads(before);
  CHECK(results[0] == results[1]);
  CHECK(results[0] == results[2]);
  CHECK_THROWS_AS(small.add(1, Tensor::ones({2})), ShapeError);
}
