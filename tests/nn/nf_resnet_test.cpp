// Normaliser-free residual networks: the exact checks of the paper.
#include "nn/models/nf_resnet.h"

#include <doctest/doctest.h>

#include <cmath>

#include "core/error.h"

using namespace gradus;

namespace {

double at(const Tensor& t, int64 i) { return static_cast<double>(t.data()[i]); }

}  // namespace

TEST_CASE("nf-resnet: standardised kernels sum to 0 and their squares to gain^2") {
  ScaledStandardConv2d one(1, 1, 3);
  one.initialise(Rng(1));
  Tensor w = one.weight.parameter()->value;
  for (int64 i = 0; i < 9; ++i) w.mutable_data()[i] = static_cast<real>(1 + i % 3);  // three times (1, 2, 3)
  const Tensor hat = one.standardised();
  for (int64 i = 0; i < 9; ++i)
    CHECK(at(hat, i) * std::sqrt(3.0) ==
          doctest::Approx((static_cast<double>(i % 3) - 1) * 0.7071068).epsilon(1e-6));
  ScaledStandardConv2d layer(3, 4, 3);
  layer.initialise(Rng(2));
  for (int64 c = 0; c < 4; ++c) layer.gain.parameter()->value.mutable_data()[c] = static_cast<real>(0.5 + c);
  const Tensor kernels = layer.standardised();
  for (int64 c = 0; c < 4; ++c) {
    double sum = 0, squares = 0;
    for (int64 i = 0; i < 27; ++i)
      sum += at(kernels, c * 27 + i), squares += std::pow(at(kernels, c * 27 + i), 2);
    CHECK(std::abs(sum) < 1e-5);
    CHECK(squares == doctest::Approx(std::pow(0.5 + static_cast<double>(c), 2)).epsilon(1e-5));
  }
  // A constant kernel: the floor under the variance keeps it at zero.
  for (int64 i = 0; i < 9; ++i) w.mutable_data()[i] = 2;
  for (real x : one.standardised().span()) CHECK(x == 0);
  CHECK(layer.describe() == "ScaledStandardConv2d(3, 4, 3)");
}

TEST_CASE("nf-resnet: first values of the scaled convolution have variance 1/fan_in, no bias") {
  ScaledStandardConv2d layer(16, 32, 3);
  layer.initialise(Rng(3));
  const Tensor w = layer.weight;
  double squares = 0;
  for (real x : w.span()) squares += std::pow(static_cast<double>(x), 2);
  CHECK(squares / static_cast<double>(w.numel()) * 144 == doctest::Approx(1).epsilon(0.05));
  for (real x : Tensor(layer.bias).span()) CHECK(x == 0);
  const Tensor x = Rng(4).normal_tensor({2, 16, 5, 5});
  const Tensor fused = layer.relu(x), plain = layer(x);
  for (int64 i = 0; i < plain.numel(); ++i)
    CHECK(at(fused, i) == doctest::Approx(std::max(0.0, at(plain, i))).epsilon(1e-5));
}

TEST_CASE("nf-resnet: betas follow the growth of the variance; the first block of a stage sets it back") {
  const std::vector<double> betas = nf_betas(2, 2, 0.2), expected{1, 0.980581, 0.962250, 0.980581};
  REQUIRE(betas.size() == 4);
  for (size_t i = 0; i < 4; ++i) CHECK(betas[i] == doctest::Approx(expected[i]).epsilon(1e-6));
}

TEST_CASE("nf-resnet: blocks start as the identity, transitions as their shortcut") {
  NfBlock plain(4, 4, 1, 0.2, 0.98, scaled_activation("relu"));
  plain.initialise(Rng(5));
  const Tensor x = Rng(6).normal_tensor({2, 4, 6, 6});
  CHECK(plain(x).values() == x.values());
  NfBlock halving(4, 8, 2, 0.2, 0.5, scaled_activation("tanh")),
      doubled(4, 8, 2, 0.2, 1.0, scaled_activation("tanh"));
  halving.initialise(Rng(7)), doubled.initialise(Rng(7));
  const Tensor y = halving(x), z = doubled(x);
  CHECK(y.shape() == Shape{2, 8, 3, 3});
  for (int64 i = 0; i < y.numel(); ++i) CHECK(2 * at(y, i) == doctest::Approx(at(z, i)).epsilon(1e-5));
}

TEST_CASE("nf-resnet: activations give normal inputs unit variance") {
  for (const char* name : {"relu", "gelu", "silu", "tanh"}) {
    CAPTURE(name);
    constexpr int64 kPoints = 4001;
    Tensor x(Shape{kPoints});
    for (int64 i = 0; i < kPoints; ++i)
      x.mutable_data()[i] = static_cast<real>(-8 + 16 * static_cast<double>(i) / (kPoints - 1));
    const Tensor y = scaled_activation(name)(x);
    double mass = 0, mean = 0, square = 0;
    for (int64 i = 0; i < kPoints; ++i) {
      const double p = std::exp(-0.5 * at(x, i) * at(x, i));
      mass += p, mean += p * at(y, i), square += p * at(y, i) * at(y, i);
    }
    CHECK(square / mass - std::pow(mean / mass, 2) == doctest::Approx(1).epsilon(2e-3));
  }
  CHECK_THROWS_AS(scaled_activation("sin"), UsageError);
  CHECK_THROWS_AS(NfResNet({}, {.channels = 1, .height = 6, .width = 8, .classes = 2}), UsageError);
  CHECK_THROWS_AS(NfResNet({.depth = 9}, {.channels = 1, .height = 8, .width = 8, .classes = 2}), UsageError);
}
