// Importances, moves and the ranks of ElaLoRA: the card's checks.
#include "nn/adapters/elalora.h"

#include <cmath>

#include "autograd/ops/elementwise.h"
#include "core/linalg.h"
#include "tests/nn/compare.h"
#include "tests/nn/hashed.h"
#include "tests/precision.h"

using namespace gradus;
using namespace gradus::tests;

namespace gradus::elalora_tests {

TEST_CASE("elalora: the smallest components go, and the matrices of the largest offers get one more") {
  const ComponentMoves moves = select_components({{.1, .5, .9}, {.2, .3, .4}, {.05, .06, 2.0}}, 2, 2);
  CHECK(moves.pruned == std::vector<int64>{6, 7});
  CHECK(moves.expanded == std::vector<int64>{0, 1});
  CHECK(moves.new_ranks == std::vector<int64>{4, 4, 1});
  // The last component of a matrix is never offered; more moves than offers are as many as there are.
  const ComponentMoves few = select_components({{.1}, {.3, .2}}, 2, 5);
  CHECK(few.pruned == std::vector<int64>{2});
  CHECK(few.expanded == std::vector<int64>{1});
  CHECK(few.new_ranks == std::vector<int64>{1, 2});
  CHECK(select_components({{.5, .5}, {.5, .5}}, 1, 1).pruned == std::vector<int64>{0});  // ties: the earlier
  CHECK_THROWS_AS(select_components({{}}, 1, 1), UsageError);
}

TEST_CASE("elalora: what is kept beside a factor moves with its components, new ones start at 0") {
  // Ranks 3 and 2; component 1 of the first and 0 of the second go, the second gets two.
  const auto maps = component_maps({3, 2}, {{1, 3}, {1, 1}, {2, 3}});
  CHECK(maps[0].kept == std::vector<int64>{0, 2});
  CHECK(maps[0].added == 0);
  CHECK(maps[1].kept == std::vector<int64>{1});
  CHECK(maps[1].added == 2);
  CHECK(carried_along(Tensor::from({3, 2}, {1, 2, 3, 4, 5, 6}), 0, maps[0]).values() ==
        std::vector<real>{1, 2, 5, 6});
  const Tensor columns = carried_along(Tensor::from({2, 2}, {1, 2, 3, 4}), 1, maps[1]);
  CHECK(columns.shape() == Shape{2, 3});
  CHECK(columns.values() == std::vector<real>{2, 0, 0, 4, 0, 0});
  CHECK(carried_along(Tensor::from({2}, {7, 8}), 0, maps[1]).values() == std::vector<real>{8, 0, 0});
  CHECK_THROWS_AS(carried_along(Tensor::zeros({2}), 1, maps[1]), ShapeError);
  CHECK_THROWS_AS(carried_along(Tensor::zeros({2, 2}), 0, maps[0]), ShapeError);
}

TEST_CASE("elalora: moves fall with the cube of the time, halves go to even") {
  MovesSchedule s{4, 0, 0, 1000, 50, true};
  CHECK(s.moves(0) == 4);
  CHECK(s.moves(500) == 4);  // 3.5
  CHECK(s.moves(800) == 2);
  CHECK(s.moves(900) == 1);
  CHECK(s.moves(1000) == 0);
  MovesSchedule windows{4, 200, 400, 1600, 50, true};
  CHECK(!windows.reallocate(200));
  CHECK(windows.reallocate(250));
  CHECK(!windows.reallocate(251));
  CHECK(!windows.reallocate(1200));
  s.enable_scheduler = false;
  CHECK(s.moves(900) == 4);
}

TEST_CASE("elalora: importance is smoothed |w*grad|, its uncertainty is measured against the new mean") {
  Importance importance(Shape{1});
  importance.update(Tensor::from({1}, {2}), Tensor::from({1}, {-3}), 0.5, 0.75);
  CHECK(importance.mean.item() == doctest::Approx(3));            // 0.5*6
  CHECK(importance.uncertainty.item() == doctest::Approx(0.75));  // 0.25*|6 - 3|
  importance.update(Tensor::from({1}, {1}), Tensor::from({1}, {1}), 0.5, 0.75);
  CHECK(importance.mean.item() == doctest::Approx(2));
  CHECK(importance.uncertainty.item() == doctest::Approx(0.75 * 0.75 + 0.25));
}

TEST_CASE(
    "elalora: a new component is orthogonal to the others, has length 1, and hardly changes the product") {
  const Tensor A = linalg::svd(numbers({3, 6}, 1)).vt,
               B = linalg::transpose(linalg::svd(numbers({3, 5}, 2)).vt);
  ElasticFactors f(A.clone(), Tensor::from({3}, {1, real(-0.5), 2}), B.clone());
  const double s = ElaloraOptions{.rank = 3}.s();
  const Tensor before = elastic_weight(f.A, f.E, f.B, s);
  f.expand(numbers({6}, 3), numbers({5}, 4));
  CHECK(f.rank() == 4);
  CHECK(f.A.shape() == Shape{4, 6});
  CHECK(f.B.shape() == Shape{5, 4});
  CHECK(gap(elastic_weight(f.A, f.E, f.B, s), before) < (kDouble ? 1e-11 : 1e-5));
  const Tensor products = linalg::matmul(f.A, f.A, false, true);
  for (int64 j = 0; j < 3; ++j) CHECK(std::abs(static_cast<double>(products.at({3, j}))) < 1e-5);
  CHECK(static_cast<double>(products.at({3, 3})) == doctest::Approx(1).epsilon(1e-5));
  CHECK(static_cast<double>(f.E.data()[3]) == doctest::Approx(1e-13));
  CHECK(f.scores()[3] == 0);
  // Deleting it again gives the factors that were there.
  f.keep({0, 1, 2});
  CHECK(gap(f.A, A) == 0);
  CHECK(gap(f.B, B) == 0);
  CHECK_THROWS_AS(f.expand(numbers({5}, 3), numbers({5}, 4)), ShapeError);
}

TEST_CASE("elalora: moves over several adapters keep the total rank; importances go with their components") {
  std::vector<ElasticFactors> all;
  for (std::uint32_t j = 0; j < 2; ++j)
    all.emplace_back(numbers({3, 4}, j), numbers({3}, j + 5), numbers({2, 3}, j + 9));
  for (ElasticFactors& f : all) {
    f.of_E.update(f.E, Tensor::ones({3}), 0.5, 0.5);
  }
  const real kept = all[0].of_E.mean.data()[2];
  move_components(all, {{0, 1}, {1, 1}, {1, 5}}, [](size_t) {
    return std::pair{numbers({4}, 20), numbers({2}, 21)};
  });
  CHECK(all[0].rank() == 1);
  CHECK(all[1].rank() == 5);
  CHECK(all[0].of_E.mean.item() == kept);
  CHECK(all[1].of_B.mean.shape() == Shape{2, 5});
  CHECK(gap(all[0].E, numbers({3}, 5).rows(2, 3)) == 0);
}

TEST_CASE("elalora: the penalty of orthonormal factors is 0; norms are not squared") {
  const Tensor A = linalg::identity(2), B = linalg::identity(2) * real(2);
  CHECK(orthogonality_penalty({A}, {A}, 0.1).item() == 0);
  // ||4 I - I|| = 3 sqrt 2, over two matrices.
  CHECK(static_cast<double>(orthogonality_penalty({A}, {B}, 0.1).item()) ==
        doctest::Approx(0.05 * 3 * std::sqrt(2)));
}

}  // namespace gradus::elalora_tests
