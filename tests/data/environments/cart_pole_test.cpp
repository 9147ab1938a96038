// The pole on a cart: one step by hand, slopes by differences, the end.
#include "data/environments/cart_pole.h"

#include <doctest/doctest.h>

namespace gradus::cart_pole_tests {

TEST_CASE("cart pole: one step by hand") {
  CartPole pole({0, 1, 0, 0});
  const CartPole::Step at = pole.step(1.1);
  // tmp = 1, thacc = -1/(0.5*(4/3 - 0.1/1.1)) = -1.6097561, xacc = 1 + 0.05*1.6097561/1.1 = 1.0731707.
  CHECK(at.r1 == doctest::Approx(1 - 0.001 * 1.21));
  CHECK(at.r2 == doctest::Approx(std::exp(-4.0)));
  CHECK(pole.state()[0] == doctest::Approx(0.02));
  CHECK(pole.state()[1] == doctest::Approx(1 + 0.02 * 1.0731707));
  CHECK(pole.state()[2] == 0);
  CHECK(pole.state()[3] == doctest::Approx(-0.02 * 1.6097561));
}

TEST_CASE("cart pole: the slope in the force is a difference; 0 where the force is clamped") {
  const CartPole::State s{0.3, -0.4, 0.1, 0.7};
  const auto after = [&](double u) {
    CartPole pole(s);
    pole.step(u);
    return pole.state();
  };
  CartPole pole(s);
  const CartPole::Step at = pole.step(3);
  for (size_t i = 0; i < 4; ++i)
    CHECK(at.slope[i] == doctest::Approx((after(3 + 1e-5)[i] - after(3 - 1e-5)[i]) / 2e-5).epsilon(1e-6));
  CHECK(after(12) == after(10));
  CartPole clamped(s);
  CHECK(clamped.step(12).slope == CartPole::State{});
}

TEST_CASE("cart pole: the step that fails keeps its rewards, then all is still") {
  CartPole pole({2.39, 1, 0, 0});
  CHECK(pole.step(0).r1 == 1);
  CHECK(pole.done());
  const CartPole::State last = pole.state();
  const CartPole::Step none = pole.step(5);
  CHECK(none.r1 == 0);
  CHECK(none.r2 == 0);
  CHECK(none.slope == CartPole::State{});
  CHECK(pole.state() == last);
  CHECK(CartPole::fallen({0, 0, 0.21, 0}));
  CHECK(!CartPole::fallen({0, 0, 0.209, 0}));
}

}  // namespace gradus::cart_pole_tests
