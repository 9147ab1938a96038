// Sums of many numbers: relative errors stay below 1e-6, whatever is summed along which axes. A constant is the hardest case,
// all roundings of a plain sum pointing the same way.
#include <doctest/doctest.h>

#include <cmath>

#include "autograd/grad.h"
#include "autograd/ops/conv.h"
#include "autograd/ops/elementwise.h"
#include "autograd/ops/matmul.h"
#include "autograd/ops/nn_ops.h"
#include "autograd/ops/reduce.h"
#include "autograd/ops/shape_ops.h"
#include "core/kernels/reduce.h"
#include "core/kernels/shape.h"
#include "core/rng.h"
#include "nn/losses.h"

using namespace gradus;

namespace {

constexpr real kTenth = real(0.1);
const double kStored = static_cast<double>(kTenth);  // what 0.1 is in `real`

void check_near(real got, double want) {
  const double off = std::abs(static_cast<double>(got) / want - 1);
  CHECK_MESSAGE(off <= 1e-6, got << " for " << want << ", off by " << off);
}
void check_all_near(const Tensor& t, double want) {
  double worst = 0;
  for (real v : t.span()) worst = std::max(worst, std::abs(static_cast<double>(v) / want - 1));
  CHECK_MESSAGE(worst <= 1e-6, "off by " << worst << " from " << want);
}

// J' g of y = f(x).
Tensor pulled(const Tensor& y, const Tensor& x, const Tensor& g) {
  return grad({&y, 1}, {&x, 1}, {&g, 1})[0];
}

}  // namespace

TEST_CASE("sums: of constants, over any axes, long and short, few columns and many") {
  const Shape shapes[] = {{1000003},     {300007, 2},    {2, 300007},    {70001, 3, 5},
                          {3, 70001, 5}, {20, 21, 1100}, {1100, 20, 21}, {40, 9000},
                          {9000, 40},    {3000, 1100},   {33, 8200}};
  for (const Shape& shape : shapes)
    for (AxisMask mask = 1; mask < AxisMask{1} << shape.rank(); ++mask) {
      CAPTURE(shape.str());
      CAPTURE(mask);
      const Shape out = reduced_shape(shape, mask, false);
      const double count = static_cast<double>(shape.numel() / out.numel());
      for (const real c : {kTenth, real(1.7), real(-0.3)})
        check_all_near(kernels::sum(Tensor::full(shape, c), mask, out), count * static_cast<double>(c));
    }
}

TEST_CASE("sums: of different numbers equal plain sums in double") {
  const Tensor x = Rng(3).uniform_tensor({3001, 17, 7}, real(0.01), 1);
  for (AxisMask mask = 1; mask < 8; ++mask) {
    const Shape out = reduced_shape(x.shape(), mask, true);
    std::vector<double> want(static_cast<size_t>(out.numel()), 0.0);
    for (int64 i = 0, at = 0; i < 3001; ++i)
      for (int64 j = 0; j < 17; ++j)
        for (int64 k = 0; k < 7; ++k, ++at)
          want[static_cast<size_t>(((out[0] > 1 ? i : 0) * out[1] + (out[1] > 1 ? j : 0)) * out[2] +
                                   (out[2] > 1 ? k : 0))] += static_cast<double>(x.data()[at]);
    const Tensor y = kernels::sum(x, mask, out);
    double worst = 0;
    for (size_t i = 0; i < want.size(); ++i)
      worst = std::max(worst, std::abs(static_cast<double>(y.data()[i]) / want[i] - 1));
    CHECK(worst <= 3e-7);
  }
}

TEST_CASE("sums: running sums, from the front and from the back") {
  for (const Shape& shape : {Shape{1000000}, Shape{1000000, 3}, Shape{2, 300000, 1}, Shape{2000, 1500}}) {
    const int axis = shape.rank() == 3 ? 1 : 0;
    const Tensor x = Tensor::full(shape, kTenth);
    const int64 n = shape[axis], inner = shape.stride(axis);
    for (const bool reverse : {false, true}) {
      const Tensor y = kernels::cumsum(x, axis, reverse);
      double worst = 0;
      for (int64 i = 0; i < y.numel(); ++i) {
        const int64 j = i / inner % n, count = reverse ? n - j : j + 1;
        worst = std::max(
            worst, std::abs(static_cast<double>(y.data()[i]) / (static_cast<double>(count) * kStored) - 1));
      }
      CHECK(worst <= 1e-7);
    }
  }
}

TEST_CASE("sums: mean, variance, norm and logsumexp of many") {
  const int64 n = 1000000;
  const Tensor tenths = Tensor::full({n, 2}, kTenth);
  check_all_near(mean(tenths, {0}), kStored);
  check_near(mean(tenths).item(), kStored);
  check_all_near(norm(tenths, {0}), kStored * 1000);
  check_all_near(logsumexp(Tensor::zeros({n, 2}), {0}), std::log(1e6));
  check_near(logsumexp(Tensor::zeros({2 * n})).item(), std::log(2e6));
  check_near(logsumexp(Tensor::full({3, n}, 5), {1}).data()[2], 5 + std::log(1e6));
  Tensor alternating({n, 2});
  for (int64 i = 0; i < n; ++i)
    alternating.mutable_data()[2 * i] = alternating.mutable_data()[2 * i + 1] = i % 2 ? 101 : real(100.3);
  const double half = (101 - static_cast<double>(real(100.3))) / 2;
  check_all_near(var(alternating, {0}, false, 0), half * half);
  check_near(var(slice(alternating, 1, 0, 1), {}, false, 0).item(), half * half);
}

TEST_CASE("sums: softmax and losses of many classes and many samples") {
  const int64 n = 300000;
  const Tensor z = variable(Tensor::full({1, n}, 2));
  check_all_near(softmax(z), 1 / 3e5);
  check_all_near(log_softmax(z), -std::log(3e5));
  check_near(cross_entropy(z, IntTensor::from({1}, {5})).item(), std::log(3e5));
  check_near(soft_cross_entropy(z, Tensor::full({1, n}, real(1 / 3e5))).item(),
             std::log(3e5) * 3e5 * static_cast<double>(real(1 / 3e5)));
  const Tensor a = Tensor::full({n}, kTenth), b = Tensor::zeros({n});
  check_near(mse_loss(a, b).item(), kStored * kStored);
  check_near(mse_loss(a, b, Reduction::kSum).item(), kStored * kStored * 3e5);
  check_near(l1_loss(a, b, Reduction::kSum).item(), kStored * 3e5);
  check_near(bce_with_logits(b, b).item(), std::log(2.0));
  const Tensor many = Tensor::zeros({n, 3});
  check_near(cross_entropy(many, IntTensor::full({n}, 1), Reduction::kSum).item(), 3e5 * std::log(3.0));
}

TEST_CASE("sums: statistics and gradients of normalisations and of layers") {
  const int64 n = 100000;
  // A row, or a channel, whose numbers are 99.9 and 100.1 by turns: mean 100, variance 0.01, so +-1.
  const real low = real(99.9), high = real(100.1);
  Tensor wide({1, 1, 10, 10000});
  for (int64 i = 0; i < n; ++i) wide.mutable_data()[i] = i % 2 ? high : low;
  const double mean_of_two = (static_cast<double>(low) + static_cast<double>(high)) / 2,
               half = (static_cast<double>(high) - static_cast<double>(low)) / 2;
  Tensor batch_mean, batch_var;
  batch_norm(wide, {}, {}, 0, &batch_mean, &batch_var);
  check_near(batch_mean.item(), mean_of_two);
  check_near(batch_var.item(), half * half);
  const Tensor unit = layer_norm(wide.view({1, n}), {}, {}, 0);
  CHECK(std::abs(static_cast<double>(unit.data()[1]) - 1) < 1e-4);  // 100.1 - 100 has that many digits
  CHECK(std::abs(static_cast<double>(unit.data()[0]) + 1) < 1e-4);
  check_all_near(rms_norm(Tensor::full({1, n}, kTenth), {}, 0), 1);
  // Gradients of gains and offsets over many rows: each row gives the offset 0.1.
  const Tensor x = Rng(1).normal_tensor({n, 4}), seed = Tensor::full({n, 4}, kTenth);
  const Tensor weight = variable(Tensor::ones({4})), bias = variable(Tensor::zeros({4}));
  check_all_near(pulled(layer_norm(x, weight, bias, real(1e-5)), bias, seed), kStored * 1e5);
  const Tensor constant = Tensor::full({n, 4}, 3);
  check_all_near(pulled(rms_norm(constant, weight, 0), weight, seed), kStored * 1e5);
  check_all_near(pulled(batch_norm(x, weight, bias, real(1e-5), nullptr, nullptr), bias, seed),
                 kStored * 1e5);
  const Tensor rows = Tensor::full({n, 2}, 1), w = variable(Tensor::ones({3, 2})),
               b = variable(Tensor::zeros({3}));
  const Tensor tenths = Tensor::full({n, 3}, kTenth);
  check_all_near(pulled(linear(rows, w, b), b, tenths), kStored * 1e5);
  check_all_near(pulled(linear_relu(rows, w, b), b, tenths), kStored * 1e5);
  for (const int64 images : {1, 40}) {
    const Tensor pixels = Rng(2).normal_tensor({images, 4, 50, 50}),
                 kernel = variable(Tensor::zeros({4, 4, 3, 3}));
    const Tensor offset = variable(Tensor::ones({4})), g = Tensor::full(pixels.shape(), kTenth);
    const ConvSpec same{.pad_h = 1, .pad_w = 1};
    const double want = kStored * 2500 * static_cast<double>(images);
    check_all_near(pulled(conv2d(pixels, kernel, offset, same), offset, g), want);
    check_all_near(pulled(conv2d_relu(pixels, kernel, offset, same), offset, g), want);
    const Tensor input = variable(pixels);  // the input's gradient too: another path
    const Tensor y = conv2d_relu(input, kernel, offset, same), both[] = {input, offset};
    check_all_near(grad({&y, 1}, both, {&g, 1})[1], want);
  }
}

TEST_CASE("sums: what is added at one place, and averages of windows") {
  const int64 n = 200000;
  const Tensor x = Tensor::full({n, 2}, kTenth);
  check_all_near(scatter_add(x, 0, IntTensor::full({n}, 0), 1), kStored * 2e5);
  check_all_near(gather_adjoint(x, 0, IntTensor::full({n, 2}, 0), 1), kStored * 2e5);
  check_near(put_add(x, IntTensor::full({n, 2}, 0), {3}).data()[0], kStored * 4e5);
  check_near(avg_pool2d(Tensor::full({1, 1, 500, 400}, kTenth), {500, 400, 1, 1, 0, 0}).item(), kStored);
}

TEST_CASE("sums: tens of millions" * doctest::test_suite("slow")) {
  const double stored = kStored;
  check_near(kernels::cumsum(Tensor::full({10000000}, kTenth), 0, false).data()[9999999], stored * 1e7);
  check_all_near(sum(Tensor::full({20000000, 2}, kTenth), {0}), stored * 2e7);
  check_near(sum(Tensor::full({50000000}, kTenth)).item(), stored * 5e7);
  check_near(logsumexp(Tensor::zeros({20000000})).item(), std::log(2e7));
}
