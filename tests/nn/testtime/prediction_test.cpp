// Entropy and scales: the figures of the card, plain and dilated convolutions, finite differences.
#include <doctest/doctest.h>

#include <cmath>

#include "autograd/functional/functional.h"
#include "autograd/grad.h"
#include "autograd/ops/conv.h"
#include "autograd/ops/elementwise.h"
#include "autograd/ops/reduce.h"
#include "core/error.h"
#include "core/rng.h"
#include "nn/testtime/dynamic_scale.h"
#include "nn/testtime/prediction_entropy.h"

using namespace gradus;

namespace gradus::prediction_tests {

constexpr double kClose = sizeof(real) == 8 ? 1e-7 : 1e-5;

double number(const Tensor& t, int64 i) { return static_cast<double>(t.data()[i]); }

void check_equal(const Tensor& a, const Tensor& b) {
  REQUIRE(a.shape() == b.shape());
  for (int64 i = 0; i < a.numel(); ++i) CHECK(std::abs(number(a, i) - number(b, i)) < kClose);
}

}  // namespace gradus::prediction_tests
using namespace gradus::prediction_tests;

TEST_CASE("prediction_entropy: the card's logits, their gradient, and a step down it") {
  const Tensor z = variable(Tensor::from({1, 3}, {real(2), real(0), real(0)}));
  const Tensor h = prediction_entropy(z);
  CHECK(static_cast<double>(h.item()) == doctest::Approx(0.6655727).epsilon(1e-6));
  const Tensor g = grad(h, {z})[0];
  CHECK(number(g, 0) == doctest::Approx(-0.3352780).epsilon(1e-5));
  CHECK(number(g, 1) == doctest::Approx(0.1676390).epsilon(1e-5));
  CHECK(std::abs(number(g, 0) + number(g, 1) + number(g, 2)) < kClose);
  CHECK(static_cast<double>(prediction_entropy((z - g).detach()).item()) ==
        doctest::Approx(0.5036727).epsilon(1e-5));
}

TEST_CASE("prediction_entropy: uniform is stationary, one-hot is finite, sure pixels do not count") {
  const Tensor flat = variable(Tensor::zeros({2, 11}));
  const Tensor h = prediction_entropy(flat);
  CHECK(static_cast<double>(h.item()) == doctest::Approx(std::log(11.0)));
  CHECK(std::abs(number(grad(h, {flat})[0], 3)) < kClose);
  const Tensor hot = variable(Tensor::from({1, 3}, {real(50), real(0), real(0)}));
  const Tensor none = prediction_entropy(hot);
  CHECK(std::abs(static_cast<double>(none.item())) < 1e-12);
  CHECK(std::abs(number(grad(none, {hot})[0], 0)) < 1e-12);
  const Tensor both = Tensor::from({2, 3}, {real(2), real(0), real(0), real(0), real(0), real(0)});
  EntropyOptions o;
  o.confidence_threshold = 0.5;  // the first has 0.787
  CHECK(static_cast<double>(prediction_entropy(both, o).item()) == doctest::Approx(std::log(3.0)));
  o.confidence_threshold = 0.1;
  const Tensor sure = variable(both);
  const Tensor nothing = prediction_entropy(sure, o);
  CHECK(nothing.item() == 0);
  CHECK(number(grad(nothing, {sure})[0], 0) == 0);
}

TEST_CASE(
    "dynamic_scale_conv: scale 1 is a convolution, scale 2 one of dilation 2, clipped scales have no "
    "gradient") {
  Rng rng(3);
  const Tensor x = rng.normal_tensor({2, 3, 5, 6}), w = rng.normal_tensor({4, 3, 3, 3}),
               b = rng.normal_tensor({4});
  for (const int64 scale : {1, 2}) {
    ConvSpec spec;
    spec.pad_h = spec.pad_w = spec.dilation_h = spec.dilation_w = scale;
    const Tensor log_scale = Tensor::full({2, 5, 6}, static_cast<real>(std::log(static_cast<double>(scale))));
    const Tensor a = dynamic_scale_conv(x, log_scale, w, b), plain = conv2d(x, w, b, spec);
    REQUIRE(a.shape() == plain.shape());
    for (int64 i = 0; i < a.numel(); ++i) CHECK(std::abs(number(a, i) - number(plain, i)) < 30 * kClose);
  }
  const Tensor tiny = variable(Tensor::full({2, 5, 6}, real(-9)));  // below log 0.5
  check_equal(grad(sum(dynamic_scale_conv(x, tiny, w, b)), {tiny})[0], Tensor::zeros({2, 5, 6}));
  ScaleOptions o;
  o.min_scale = 3, o.max_scale = 2;
  CHECK_THROWS_AS(dynamic_scale_conv(x, tiny, w, b, o), UsageError);
  CHECK_THROWS_AS(dynamic_scale_conv(x, Tensor::zeros({2, 5, 5}), w, b), ShapeError);
}

TEST_CASE("dynamic_scale_conv: its slope by the scale is a central difference" *
          doctest::skip(sizeof(real) == 4)) {
  Rng rng(4);
  const Tensor x = rng.normal_tensor({1, 2, 4, 4}), w = rng.normal_tensor({1, 2, 3, 3}),
               b = Tensor::zeros({1});
  const Tensor s = Tensor::full({1, 4, 4}, real(0.3));
  const Tensor v = variable(s);
  const Tensor g = grad(sum(square(dynamic_scale_conv(x, v, w, b))), {v})[0];
  for (int64 i = 0; i < s.numel(); ++i) {
    double value[2];
    for (int k = 0; k < 2; ++k) {
      Tensor moved = s.clone();
      moved.mutable_data()[i] += static_cast<real>(k ? 1e-6 : -1e-6);
      value[k] = static_cast<double>(sum(square(dynamic_scale_conv(x, moved, w, b))).item());
    }
    CHECK(number(g, i) == doctest::Approx((value[1] - value[0]) / 2e-6).epsilon(1e-5));
  }
}
