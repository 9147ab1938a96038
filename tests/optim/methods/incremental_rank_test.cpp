// Matrices learned rank by rank: scalars that can be followed by hand, and the limits of each rank.
#include "optim/methods/incremental_rank.h"

#include <doctest/doctest.h>

#include <cmath>

#include "core/error.h"
#include "core/linalg.h"

using namespace gradus;

namespace gradus::incremental_rank_tests {

// All entries of a (2,2) seen: R = U U' - X*.
MatrixSensing seen_whole(double first, double second) {
  const real h = static_cast<real>(std::sqrt(0.5));
  MatrixSensing p;
  p.operators = Tensor::from({3, 2, 2}, {1, 0, 0, 0, 0, 0, 0, 1, 0, h, h, 0});
  p.truth = Tensor::from({2, 2}, {static_cast<real>(first), 0, 0, static_cast<real>(second)});
  p.measurements = measure(p.operators, p.truth);
  return p;
}
const auto kNobody = [](int64, const Tensor&, double) {};

TEST_CASE("incremental rank: directions grow on their own, each at its own pace") {
  const MatrixSensing p = seen_whole(1, 0.5);
  const Tensor start = linalg::identity(2);
  Tensor u = start.clone();
  for (int64 i = 0; i < 4; ++i) u.mutable_data()[i] *= real(0.01);
  const Tensor one = sensing_descent(p, u, 0.1, 1, kNobody);
  CHECK(double(one.at({0, 0})) == doctest::Approx(0.0109999).epsilon(1e-6));
  CHECK(double(one.at({1, 1})) == doctest::Approx(0.0104999).epsilon(1e-6));
  CHECK(one.at({0, 1}) == 0);
  // Half-way to sqrt(sigma) after about log(sqrt(sigma)/(2 alpha))/log(1 + lr*sigma) steps: 41 and 73.
  int64 first = 0, second = 0;
  sensing_descent(p, u, 0.1, 200, [&](int64 t, const Tensor& at, double) {
    if (!first && at.at({0, 0}) >= real(0.5)) first = t;
    if (!second && double(at.at({1, 1})) >= std::sqrt(0.5) / 2) second = t;
  });
  CHECK(std::abs(first - 41) <= 3);
  CHECK(std::abs(second - 73) <= 4);
  const Tensor nothing = Tensor::zeros({2, 2});
  CHECK(sensing_descent(p, nothing, 0.1, 5, kNobody).values() == nothing.values());
}

TEST_CASE("incremental rank: it passes by the best solution of rank 1, the nearer the smaller the start") {
  const MatrixSensing p = seen_whole(1, 0.5);
  const std::vector<Tensor> best = best_rank_solutions(p, p.truth, {1, 2});
  CHECK(double(best[0].at({0, 0})) == doctest::Approx(1).epsilon(1e-5));
  CHECK(std::abs(double(best[0].at({1, 1}))) < 1e-6);
  CHECK(double(best[1].at({1, 1})) == doctest::Approx(0.5).epsilon(1e-5));
  std::vector<double> errors;
  std::vector<int64> times;
  for (const double alpha : {1e-1, 1e-2, 1e-4}) {
    const Tensor u = Tensor::from({2, 2}, {static_cast<real>(alpha), static_cast<real>(alpha / 3),
                                           static_cast<real>(alpha / 3), static_cast<real>(alpha)});
    const std::vector<RankPhase> phases = rank_phases(p, u, 0.1, 600, best);
    errors.push_back(phases[0].error);
    times.push_back(phases[0].time);
    CHECK(phases[0].time < phases[1].time);
    CHECK(phases[1].error < 1e-3);
  }
  CHECK(errors[0] > 0.2);
  CHECK(errors[1] < errors[0] / 2);
  CHECK(errors[2] < errors[1] / 2);
  CHECK(times[2] > times[1]);
  CHECK_THROWS_AS(best_rank_solutions(p, p.truth, {3}), UsageError);
}

TEST_CASE("incremental rank: greedy learning adds the direction that is lacking most, and descends") {
  const MatrixSensing p = seen_whole(1, 0.5);
  // R = -X* at U = (): the column is eps along the first axis.
  const std::vector<GreedyPhase> begun = greedy_low_rank(p, {.eps = 0.1, .steps = 0});
  CHECK(double(begun.at(0).product.at({0, 0})) == doctest::Approx(0.01));
  CHECK(std::abs(double(begun[0].product.at({1, 1}))) < 1e-12);
  const std::vector<GreedyPhase> whole =
      greedy_low_rank(p, {.eps = 0.01, .lr = 0.1, .steps = 400, .phases = 2});
  CHECK(double(whole.at(0).product.at({0, 0})) == doctest::Approx(1).epsilon(1e-4));
  CHECK(std::abs(double(whole[0].product.at({1, 1}))) < 1e-4);
  CHECK(double(whole.at(1).product.at({1, 1})) == doctest::Approx(0.5).epsilon(1e-4));
  CHECK(whole[1].loss < 1e-6);
}

TEST_CASE("incremental rank: the minimisers are those of the sensed loss, not truncations of the truth") {
  Rng rng(4);
  const MatrixSensing p =
      random_matrix_sensing({.size = 5, .measurements = 60, .eigenvalues = {1, 0.5}}, rng);
  const std::vector<Tensor> best = best_rank_solutions(p, p.truth, {1, 2});
  const auto gap = [](const Tensor& a, const Tensor& b) {
    double worst = 0;
    for (int64 i = 0; i < a.numel(); ++i)
      worst = std::max(worst, std::abs(double(a.data()[i]) - double(b.data()[i])));
    return worst;
  };
  CHECK(gap(best[1], p.truth) < 1e-4);
  // Stationary: the gradient at the factor of rank 1 vanishes, and does not at the truncation.
  const auto gradient_at = [&](const Tensor& product) {
    const linalg::Eigen eigen = linalg::eigh(product);
    Tensor u({5, 1});
    for (int64 i = 0; i < 5; ++i)
      u.mutable_data()[i] = static_cast<real>(std::sqrt(double(eigen.values.data()[4])) *
                                              double(eigen.vectors.data()[i * 5 + 4]));
    double square = 0;
    for (real v : sensing_point(p, u).gradient.span()) square += double(v) * double(v);
    return std::sqrt(square);
  };
  CHECK(gradient_at(best[0]) < 1e-5);
  CHECK(gradient_at(p.truth) > 1e-2);
  // Greedy learning stops at the same stations.
  const std::vector<GreedyPhase> greedy =
      greedy_low_rank(p, {.eps = 1e-3, .lr = 0.1, .steps = 2000, .phases = 2});
  CHECK(gap(greedy[0].product, best[0]) < 1e-4);
  CHECK(gap(greedy[1].product, best[1]) < 1e-3);
  CHECK(greedy[1].loss < 1e-6);
}

}  // namespace gradus::incremental_rank_tests
