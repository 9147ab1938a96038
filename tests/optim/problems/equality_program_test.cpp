// Constrained problems: values and derivatives of quadratic ones by hand.
#include "optim/problems/equality_program.h"

#include <doctest/doctest.h>

using namespace gradus;

TEST_CASE("adasketch: a quadratic program's values, Jacobian and Hessian by hand") {
  // f = x'Qx/2 + q'x, c = x'Cx/2 + a'x - b at x = (2, -1).
  const EqualityProgram program = quadratic_program(
      Tensor::from({2, 2}, {2, 1, 1, 4}), Tensor::from({2}, {1, 3}), Tensor::from({1, 2, 2}, {3, 0, 0, 5}),
      Tensor::from({1, 2}, {1, 2}), Tensor::from({1}, {1}));
  const Tensor x = Tensor::from({2}, {2, -1});
  const EqualityPoint at = equality_point(program, x);
  CHECK(at.value == doctest::Approx(3));                    // (8 - 4 + 4)/2 + 2 - 3
  CHECK(at.gradient.values() == std::vector<real>{4, 1});   // (3, -2) + (1, 3)
  CHECK(at.constraint.values() == std::vector<real>{7.5});  // (12 + 5)/2 + 0 - 1
  CHECK(at.jacobian.values() == std::vector<real>{7, -3});  // (6, -5) + (1, 2)
  CHECK(lagrangian_hessian(program, x, Tensor::from({1}, {2})).values() == std::vector<real>{8, 1, 1, 14});
}
