// Complexity of finding the best hypothesis.
#include "data/selection/complexity.h"

#include <doctest/doctest.h>

#include <cmath>

#include "core/error.h"

using namespace gradus;

namespace {

Tensor unit_vectors(int64 n) {
  Tensor x = Tensor::zeros({n, n});
  for (int64 i = 0; i < n; ++i) x.mutable_data()[i * n + i] = 1;
  return x;
}

Complexity best_arm(int64 n, double gap, int64 best = 0) {
  std::vector<double> theta(static_cast<size_t>(n), 0.3);
  theta[static_cast<size_t>(best)] += gap;
  return exploration_complexity(unit_vectors(n), unit_vectors(n), theta);
}

}  // namespace

TEST_CASE("complexity: of the best of n arms with equal gaps it is (1 + sqrt(n-1))^2/gap^2") {
  CHECK(best_arm(2, 1).value == doctest::Approx(4).epsilon(1e-4));
  CHECK(best_arm(5, 1).value == doctest::Approx(9).epsilon(1e-4));
  CHECK(best_arm(10, 1).value == doctest::Approx(16).epsilon(1e-4));
  CHECK(best_arm(5, 0.5, 3).value == doctest::Approx(36).epsilon(1e-4));
  CHECK(best_arm(5, 0.5, 3).best == 3);
  CHECK(best_arm(5, 1).allocation[0] == doctest::Approx(1.0 / 3).epsilon(0.05));
  double sum = 0;
  for (const double x : best_arm(5, 1).allocation) sum += x;
  CHECK(sum == doctest::Approx(1).epsilon(1e-12));
}

TEST_CASE("complexity: twice theta is a quarter of it, and a scaled theta lies on its class's border") {
  const Tensor x = unit_vectors(4);
  const std::vector<double> theta{0.3, -0.4, 0.9, 0.1};
  const double c = exploration_complexity(x, x, theta).value, radius = 7;
  std::vector<double> twice, scaled;
  for (const double t : theta) twice.push_back(2 * t), scaled.push_back(t * std::sqrt(c / radius));
  CHECK(exploration_complexity(x, x, twice).value == doctest::Approx(c / 4).epsilon(1e-9));
  CHECK(exploration_complexity(x, x, scaled).value == doctest::Approx(radius).epsilon(1e-9));
}

TEST_CASE("complexity: hypotheses as good as the best, one alone, wrong shapes") {
  const Tensor x = unit_vectors(3);
  CHECK(std::isinf(exploration_complexity(x, x, std::vector<double>{1, 1, 0}).value));
  CHECK(exploration_complexity(x, x.rows(1, 2), std::vector<double>{1, 1, 0}).value == 0);
  CHECK_THROWS_AS(exploration_complexity(x, x, std::vector<double>{1, 1}), ShapeError);
}
