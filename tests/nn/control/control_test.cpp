// Lipschitz layers and sectors: the card's figures and bounds.
#include <doctest/doctest.h>

#include <cmath>

#include "autograd/grad.h"
#include "autograd/ops/reduce.h"
#include "core/error.h"
#include "core/linalg.h"
#include "core/rng.h"
#include "nn/control/lipschitz.h"
#include "nn/control/sector.h"

using namespace gradus;

namespace gradus::control_tests {
double value(const Tensor& t, int64 i = 0) { return static_cast<double>(t.data()[i]); }
double distance(const Tensor& a, const Tensor& b) {
  double total = 0;
  for (int64 i = 0; i < a.numel(); ++i) total += std::pow(value(a, i) - value(b, i), 2);
  return std::sqrt(total);
}
}  // namespace gradus::control_tests
using namespace gradus::control_tests;

TEST_CASE("lipschitz: the card's layer, and that no pair of points moves apart") {
  const Tensor W = Tensor::from({2, 2}, {real(1), real(2), real(0), real(1)}), zero = Tensor::zeros({2});
  const Tensor y = sll_layer(Tensor::ones({1, 2}), W, zero, zero);
  CHECK(value(y, 0) == doctest::Approx(-1.3809524).epsilon(1e-5));
  CHECK(value(y, 1) == doctest::Approx(.1428571).epsilon(1e-5));
  Rng rng(6);
  const Tensor w = rng.normal_tensor({5, 4}), b = rng.normal_tensor({4}), p = rng.normal_tensor({4});
  for (int i = 0; i < 50; ++i) {
    const Tensor u = rng.normal_tensor({1, 5}), v = rng.normal_tensor({1, 5});
    CHECK(distance(sll_layer(u, w, b, p), sll_layer(v, w, b, p)) <= distance(u, v) * (1 + 1e-5));
  }
  const Tensor scalar = sll_layer(Tensor::full({1, 1}, 3), Tensor::full({1, 1}, real(0.5)), Tensor::ones({1}),
                                  Tensor::zeros({1}));
  CHECK(value(scalar) == doctest::Approx(3 - 2 / 0.5 * 2.5));
}

TEST_CASE("lipschitz: the norm's bound is one, and the network keeps its own") {
  Rng rng(7);
  const Tensor a = rng.normal_tensor({3, 6});
  CHECK(value(norm_bound(a)) >= linalg::spectral_norm(a) * (1 - 1e-6));
  CHECK(value(norm_bound(Tensor::from({2, 2}, {real(3), real(0), real(0), real(3)}))) == doctest::Approx(3));
  CHECK(value(norm_bound(Tensor::zeros({2, 2}))) == doctest::Approx(1e-6));
  const LipschitzNet net{rng.normal_tensor({2, 4, 3}), rng.normal_tensor({2, 3}), rng.normal_tensor({2, 3}),
                         rng.normal_tensor({2, 4}),    rng.normal_tensor({2}),    Tensor::scalar(0)};
  for (int i = 0; i < 50; ++i) {
    const Tensor u = rng.normal_tensor({1, 3}), v = rng.normal_tensor({1, 3});
    CHECK(distance(lipschitz_output(net, u, 2), lipschitz_output(net, v, 2)) <= distance(u, v) * (1 + 1e-5));
  }
  CHECK_THROWS_AS(lipschitz_output(net, Tensor::zeros({1, 5}), 2), ShapeError);
}

TEST_CASE("sector: the card's commands, where gradients stop, the smooth form") {
  const Tensor u_h = Tensor::from({6}, {real(.4), real(.4), real(-.4), real(-.4), real(0), real(.4)});
  const Tensor y = variable(Tensor::from({6}, {real(.9), real(.1), real(-.9), real(.3), real(5), real(.5)}));
  const Tensor u = sector_saturation(y, u_h);
  const double expected[] = {.6, .2, -.6, -.2, 0, .5};
  const Tensor g = grad(sum(u), {y})[0];
  for (int64 i = 0; i < 6; ++i) {
    CHECK(value(u, i) == doctest::Approx(expected[i]));
    CHECK(value(g, i) == (i == 5 ? 1 : 0));
  }
  SectorOptions o;
  o.a = o.b = 1;
  for (int64 i = 0; i < 6; ++i) CHECK(value(sector_saturation(y, u_h, o), i) == value(u_h, i));
  o = {};
  o.kind = "smooth";
  CHECK(value(sector_saturation(Tensor::full({1}, real(0.3)), Tensor::full({1}, real(-2)), o)) ==
        doctest::Approx(-2 * (1 + 0.5 * std::tanh(0.3))));
  CHECK_THROWS_AS(sector_saturation(y, Tensor::zeros({5})), ShapeError);
}

TEST_CASE("sector: the weight that balances worst cases") {
  // b - 1 = 1/2, so human = mean u_h^2/4; lo = u_h/2, hi = 3 u_h/2 with u_h = 1: the expert's 1.5 and 0 are 1 and 1.5 away.
  const WorstCaseWeight w = worst_case_weight(Tensor::ones({2}), Tensor::from({2}, {real(1.5), real(0)}));
  CHECK(w.human == doctest::Approx(0.25));
  CHECK(w.expert == doctest::Approx((1 + 2.25) / 2));
  CHECK(w.gamma == doctest::Approx(0.25 / (0.25 + 1.625)));
  CHECK(w.gamma * w.expert == doctest::Approx((1 - w.gamma) * w.human));
  SectorBounds o;
  o.a = o.b = 1;
  CHECK(worst_case_weight(Tensor::ones({2}), Tensor::ones({2}), o).gamma == 0.5);
}
