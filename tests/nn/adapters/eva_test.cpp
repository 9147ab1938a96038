// Incremental principal components, ranks by explained variance, EVA on a network: the card's checks.
#include "nn/adapters/eva.h"

#include <cmath>

#include "core/linalg.h"
#include "nn/adapters/lora.h"
#include "nn/modes.h"
#include "nn/registry.h"
#include "tests/nn/compare.h"
#include "tests/nn/hashed.h"
#include "tests/precision.h"

using namespace gradus;
using namespace gradus::tests;

namespace gradus::eva_tests {

const double kNear = kDouble ? 1e-10 : 1e-4;

TEST_CASE("incremental pca: four points by hand") {
  IncrementalPca pca(2);
  CHECK(pca.update(Tensor::from({4, 2}, {2, 0, -2, 0, 0, 1, 0, -1})));
  CHECK(gap(pca.singular_values(), Tensor::from({2}, {real(std::sqrt(8)), real(std::sqrt(2))})) < kNear);
  CHECK(gap(pca.components(), linalg::identity(2)) < kNear);
  CHECK(pca.ratios()[0] == doctest::Approx(0.8));
  CHECK(pca.ratios()[1] == doctest::Approx(0.2));
  CHECK(pca.variance()[0] == doctest::Approx(2));
  CHECK(pca.variance()[1] == doctest::Approx(0.5));
}

TEST_CASE("incremental pca: batches one after the other give what all rows at once give") {
  const Tensor X = numbers({20, 3}, 1);
  IncrementalPca whole(3), parts(3);
  whole.update(X);
  for (const auto& [from, to] : {std::pair<int64, int64>{0, 7}, {7, 11}, {11, 20}})
    CHECK(parts.update(X.rows(from, to)));
  CHECK(parts.updates() == 3);
  CHECK(gap(parts.singular_values(), whole.singular_values()) < kNear);
  CHECK(gap(parts.components(), whole.components()) < 10 * kNear);
  for (size_t j = 0; j < 3; ++j) {
    CHECK(parts.mean()[j] == doctest::Approx(whole.mean()[j]).epsilon(kNear));
    CHECK(parts.variance()[j] == doctest::Approx(whole.variance()[j]).epsilon(kNear));
    CHECK(parts.ratios()[j] == doctest::Approx(whole.ratios()[j]).epsilon(10 * kNear));
  }
}

TEST_CASE("incremental pca: batches of too few rows are skipped, rows of other sizes are refused") {
  IncrementalPca pca(3);
  CHECK(!pca.update(numbers({2, 4}, 1)));
  CHECK(pca.updates() == 0);
  CHECK(pca.update(numbers({3, 4}, 1)));
  CHECK_THROWS_AS(pca.update(numbers({3, 5}, 1)), ShapeError);
  CHECK_THROWS_AS(IncrementalPca(3).update(numbers({5, 2}, 1)), ShapeError);
  CHECK_THROWS_AS(IncrementalPca(0), UsageError);
}

TEST_CASE("eva: ranks go to the largest ratios; rho = 1 gives all the same") {
  const std::vector<std::vector<double>> ratios{{.5, .2, .1, .05}, {.9, .05, .02, .01}, {.3, .25, .2, .15}};
  CHECK(allocate_ranks(ratios, 2) == std::vector<int64>{2, 1, 3});
  CHECK(allocate_ranks({{.5, .2}, {.9, .05}, {.3, .25}}, 2) == std::vector<int64>{2, 2, 2});
  CHECK(allocate_ranks({{.5, .5}, {.5, .5}}, 1) == std::vector<int64>{2, 0});       // ties: the earlier layer
  CHECK(allocate_ranks({{3, 1}, {.3, .2}}, 1, "sum") == std::vector<int64>{1, 1});  // .75 .25 and .6 .4
  CHECK(allocate_ranks({{4, 1}, {.3, .2}}, 1, "max") == std::vector<int64>{1, 1});
}

TEST_CASE("eva: a layer that shares the components of another follows it, and one must be an owner") {
  const EvaOptions o{.rank = 1, .rho = 2, .tau = 0.5, .lora_alpha = 3};
  EvaSearch search({0, 0}, o);
  const Tensor X = numbers({12, 4}, 2);
  while (!search.done()) search.feed(std::vector<Tensor>{X, Tensor()});
  CHECK(search.steps() == 2);
  CHECK(search.updates(1) == 2);
  // The two layers' ratios are the same: of two ranks the first layer has its first component, the second layer has its own.
  CHECK(search.ranks() == std::vector<int64>{1, 1});
  CHECK(gap(search.A(0), search.A(1)) == 0);
  CHECK(search.alpha(0) == doctest::Approx(3));
  CHECK_THROWS_AS(EvaSearch({1, 1}, o), UsageError);
  CHECK_THROWS_AS(EvaSearch({0, 0, 1}, o), UsageError);
}

TEST_CASE(
    "eva: a network's outputs stay, A has orthonormal rows, the scaling is the same everywhere, ranks add "
    "up") {
  const auto model =
      make_model("mlp:hidden=12-10", {.channels = 1, .height = 4, .width = 4, .classes = 3}, Rng(1));
  const Tensor x = numbers({5, 1, 4, 4}, 3);
  Tensor before;
  {
    const Recording off(false);
    before = (*model)(x);
  }
  std::uint32_t batch = 10;
  const auto layers = attach_eva(
      *model, {.rank = 3, .lora_alpha = 6}, "*",
      [&] {
        return numbers({32, 1, 4, 4}, ++batch);
      },
      Rng(2));
  const Recording off(false);
  CHECK(gap((*model)(x), before) == 0);
  int64 sum = 0;
  for (const AdaptedLayer& l : layers) {
    const auto& lora = dynamic_cast<const LoraAdapter&>(*l.adapter());
    const Tensor A = lora.A.parameter()->value.detach();
    CHECK(gap(linalg::matmul(A, A, false, true), linalg::identity(A.dim(0))) < 1e-5);
    CHECK(lora.options().s() == doctest::Approx(2));
    sum += A.dim(0);
  }
  CHECK(sum == 6);
  CHECK(count_parameters(*model).trainable < count_parameters(*model).all);
}

}  // namespace gradus::eva_tests
