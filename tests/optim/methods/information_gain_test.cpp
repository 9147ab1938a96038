// What an example is worth: the card's figures, weights that stay bit for bit.
#include "optim/methods/information_gain.h"

#include <doctest/doctest.h>

#include <cmath>

#include "tests/precision.h"

namespace gradus::information_gain_tests {

using doctest::Approx;

TEST_CASE("information gain: standardised as on the card") {
  // P0 = 60 and P1 = 58, 61, 59: steps of plain SGD on a measure that is the weight itself.
  const ParameterPtr w = make_parameter("w", ParamKind::kWeight, Tensor::full({1}, 60));
  const real slopes[] = {2, -1, 1};
  const InformationGain ig = information_gain(
      {w}, 3, [&](int64 i) { w->grad = Tensor::full({1}, slopes[i]); },
      [&] { return static_cast<double>(w->value.data()[0]); }, "sgd:lr=1", 1);
  CHECK(ig.base == 60);
  CHECK(ig.gain == std::vector<double>{2, -1, 1});
  CHECK(ig.standardised[0] == Approx(1.069045).epsilon(1e-6));
  CHECK(ig.standardised[1] == Approx(-1.336306).epsilon(1e-6));
  CHECK(ig.standardised[2] == Approx(0.267261).epsilon(1e-5));
  CHECK(w->value.data()[0] == 60);
}

TEST_CASE("information gain: a fresh optimizer each time, nothing left behind; with step size 0 no gain") {
  const ParameterPtr w = make_parameter("w", ParamKind::kWeight, Tensor::from({2}, {real(0.1), real(-0.3)}));
  const std::vector<real> before = w->value.values();
  const auto gain = [&](double lr) {
    return information_gain(
        {w}, 3,
        [&](int64) {
          w->grad = Tensor::from({2}, {30, 40});
        },
        [&] { return std::exp(static_cast<double>(w->value.data()[0] + w->value.data()[1])); },
        "clip-norm(adam:lr=1):max_norm=3", lr);
  };
  const InformationGain ig = gain(0.01);
  CHECK(w->value.values() == before);
  CHECK(ig.gain[0] == ig.gain[1]);
  CHECK(ig.gain[0] == ig.gain[2]);
  // Adam's first step is lr in each coordinate.
  CHECK(ig.gain[0] == Approx(std::exp(-0.2) - std::exp(-0.22)).epsilon(1e-4));
  CHECK(ig.standardised == std::vector<double>{0, 0, 0});
  for (const double g : gain(0).gain) CHECK(g == 0);
}

}  // namespace gradus::information_gain_tests
