// The edge of stability of SAM: the card's figures, steps on a quadratic, quadratic regression by hand.
#include "optim/methods/sam_edge.h"

#include <doctest/doctest.h>

#include <array>

#include "core/error.h"
#include "optim/problems/quadratic_regression.h"
#include "tests/optim/closure.h"
#include "tests/precision.h"

using namespace gradus;
using gradus::tests::kDouble;

namespace gradus::sam_edge_tests {

TEST_CASE("sam edge: figures of the card, each at a ratio of 1") {
  struct Row {
    double lr, rho, edge;
  };
  for (const Row& r : {Row{.1, 0, 20}, Row{.1, .01, 17.08203932}, Row{.1, .05, 12.36067977}, Row{.1, .1, 10},
                       Row{.02, .05, 35.82575695}, Row{.01, .01, 100}, Row{.05, .02, 26.23475383}}) {
    CHECK(sam_edge(r.lr, r.rho) == doctest::Approx(r.edge).epsilon(1e-9));
    CHECK(sam_edge_ratio(r.lr, r.rho, sam_edge(r.lr, r.rho)) == doctest::Approx(1).epsilon(1e-14));
  }
  // No difference of near numbers: a tiny radius gives 2/lr less 4*rho/lr^2.
  CHECK(sam_edge(.1, 1e-12) == doctest::Approx(20 - 4e-10).epsilon(1e-15));
  CHECK_THROWS_AS(sam_edge(0, .1), UsageError);
  CHECK_THROWS_AS(sam_edge(.1, -1), UsageError);
}

// What one step of SAM multiplies the point by, on lam/2*w^2 at 1/2.
double factor_of(double lr, double rho, double lam, bool normalized) {
  const std::string sam = fmt::format("sam(sgd:lr={}):rho={},normalized={}", lr, rho, normalized);
  return testing::descend_by(sam, testing::diagonal_quadratic({lam}), {0.5})[0] / 0.5;
}

TEST_CASE("sam edge: a step multiplies the direction of curvature lam by 1 - lr*lam*(1 + rho*lam)") {
  const double tight = kDouble ? 1e-12 : 1e-5;
  CHECK(factor_of(.1, .05, 12, false) == doctest::Approx(-.92).epsilon(tight));
  CHECK(factor_of(.1, .05, sam_edge(.1, .05), false) == doctest::Approx(-1).epsilon(tight));
  CHECK(factor_of(.1, .05, 13, false) == doctest::Approx(-1.145).epsilon(tight));
  // Normalised at radius rho: the same with rho/||g||, here ||g|| = 6.
  CHECK(factor_of(.1, .3, 12, true) == doctest::Approx(-.92).epsilon(kDouble ? 1e-10 : 1e-5));
}

TEST_CASE(
    "sam edge: rho = 0 is gradient descent bit for bit; on a quadratic the gradient is (A + rho*A^2) w") {
  const testing::Values start{1, -2, 0.7}, a{3, 1, 0.5};
  const testing::Function1 f = testing::diagonal_quadratic(a);
  CHECK(testing::descend_by("sgd:lr=0.1", f, start, 20) ==
        testing::descend_by("sam(sgd:lr=0.1):rho=0,normalized=false", f, start, 20));
  const testing::Values one = testing::descend_by("sam(sgd:lr=0.1):rho=0.2,normalized=false", f, start);
  for (size_t i = 0; i < 3; ++i)
    CHECK(one[i] ==
          doctest::Approx(start[i] * (1 - 0.1 * (a[i] + 0.2 * a[i] * a[i]))).epsilon(kDouble ? 1e-13 : 1e-5));
}

TEST_CASE("quadratic regression: by hand, and its gradient by differences") {
  // z = 1 + 2 t + t^2 (Q = 2); z2 = -1 + t/2.
  const QuadraticRegression p{{1, -1}, {2, 0.5}, {2, 0}};
  const double theta = 0.5;
  const QuadraticRegressionPoint at = quadratic_regression_point(p, {&theta, 1});
  CHECK(at.outputs == std::vector<double>{2.25, -0.75});
  CHECK(at.jacobian == std::vector<double>{3, 0.5});
  CHECK(at.loss == doctest::Approx((2.25 * 2.25 + 0.75 * 0.75) / 2).epsilon(1e-15));
  CHECK(at.gradient[0] == doctest::Approx(3 * 2.25 - 0.5 * 0.75).epsilon(1e-15));
  CHECK(kernel_top_eigenvalue(at) == doctest::Approx(9.25).epsilon(1e-6));
  CHECK_THROWS_AS(quadratic_regression_point(p, std::array{1.0, 2.0}), ShapeError);

  Rng rng(3);
  const QuadraticRegression random = random_quadratic_regression(5, 4, 0.3, rng);
  std::vector<double> w = {0.3, -0.2, 0.9, 0.1};
  const QuadraticRegressionPoint here = quadratic_regression_point(random, w);
  for (size_t i = 0; i < w.size(); ++i) {
    std::vector<double> up = w, down = w;
    up[i] += 1e-5, down[i] -= 1e-5;
    const double slope =
        (quadratic_regression_point(random, up).loss - quadratic_regression_point(random, down).loss) / 2e-5;
    CHECK(here.gradient[i] == doctest::Approx(slope).epsilon(1e-7));
    for (size_t j = 0; j < w.size(); ++j)
      for (size_t a = 0; a < 5; ++a) CHECK(random.q[(a * 4 + i) * 4 + j] == random.q[(a * 4 + j) * 4 + i]);
  }
}

}  // namespace gradus::sam_edge_tests
