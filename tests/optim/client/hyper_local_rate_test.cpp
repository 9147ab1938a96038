// FedHyper at the client: figures by hand in both forms.
#include "optim/client/hyper_local_rate.h"

#include <doctest/doctest.h>

using namespace gradus;

namespace {

constexpr double kLocalNear = sizeof(real) == 8 ? 1e-12 : 1e-6;
Tensor pair_of(double a, double b) { return Tensor::from({2}, {static_cast<real>(a), static_cast<real>(b)}); }

}  // namespace

TEST_CASE("fedhyper-cl, form reference: growth by the last step and the server's direction") {
  // lr 0.1 and g = (-1, 0): s = (0.1, 0) at both steps; D = (1, 0), n_sel 10.
  HyperLocalRate rate({.lr = 0.1, .momentum = 0}, pair_of(1, 0), 3);
  CHECK(rate.step(pair_of(-1, 0), true).data()[0] == doctest::Approx(0.1).epsilon(kLocalNear));
  CHECK(rate.used() == 1);
  rate.step(pair_of(-1, 0), false);  // against s_prev = D: 1 + 0.1 + 0.001, capped at 1.1
  CHECK(rate.used() == 1);
  rate.step(pair_of(-1, 0), false);  // uses 1.1: s = 0.11
  CHECK(rate.used() == doctest::Approx(1.1).epsilon(kLocalNear));
  rate.step(pair_of(-1, 0),
            true);  // 1.1 (1 + 0.11*0.1 + 0.1*0.11/10); the first of an epoch changes nothing behind it
  const double beta = 1.1 * (1 + 0.11 * 0.1 + 0.0011);
  CHECK(rate.used() == doctest::Approx(beta).epsilon(kLocalNear));
  rate.step(pair_of(-1, 0), false);
  CHECK(rate.used() == doctest::Approx(beta).epsilon(kLocalNear));
}

TEST_CASE("fedhyper-cl, form reference: the card's growth of 1.011, momentum, the server's factor on lr") {
  HyperLocalRate rate({.lr = 0.1, .momentum = 0, .max_growth = 2}, pair_of(1, 0), 3);
  rate.step(pair_of(-1, 0), true);
  rate.step(pair_of(0, -1), false);  // s = (0, 0.1): neither D nor s_prev = D lies along it
  rate.step(pair_of(-1, 0), false);  // s = (0.1, 0), s_prev = (0, 0.1): only 0.1*0.1/10
  rate.step(pair_of(-1, 0), false);
  CHECK(rate.used() == doctest::Approx(1.001).epsilon(kLocalNear));
  rate.step(pair_of(0, 0), false);
  CHECK(rate.used() == doctest::Approx(1.001 * (1 + 0.1001 * 0.1 + 0.001001)).epsilon(kLocalNear));
  HyperLocalRate heavy({.lr = 0.1, .momentum = 0.5, .hyper_lr = 0}, {}, 3, 2);
  CHECK(heavy.step(pair_of(1, 0), true).data()[0] == doctest::Approx(-0.2).epsilon(kLocalNear));
  CHECK(heavy.step(pair_of(1, 0), false).data()[0] == doctest::Approx(-0.3).epsilon(kLocalNear));
}

TEST_CASE(
    "fedhyper-cl, form paper: the change before the step, the server's term divided by the steps of the "
    "round") {
  HyperLocalRate rate({.lr = 0.1, .momentum = 0, .form = "paper"}, pair_of(-2, 0), 4);
  rate.step(pair_of(1, 0), true);
  CHECK(rate.used() == 1);
  const Tensor s = rate.step(pair_of(0.5, 3), false);  // 1 + 0.5 + (0.5*2)/4
  CHECK(rate.used() == doctest::Approx(1.75).epsilon(kLocalNear));
  CHECK(s.data()[1] == doctest::Approx(-0.525).epsilon(kLocalNear));
  rate.step(pair_of(-40, -40), true);  // far down: clipped at 1/10; a new epoch changes nothing in this form
  CHECK(rate.used() == doctest::Approx(0.1).epsilon(kLocalNear));
}
