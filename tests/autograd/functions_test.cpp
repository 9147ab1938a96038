// Operations made of several primitives: values by hand, gradients where they say something of their own.
#include <doctest/doctest.h>

#include <cmath>

#include "autograd/grad.h"
#include "autograd/ops/conv.h"
#include "autograd/ops/elementwise.h"
#include "autograd/ops/fft.h"
#include "autograd/ops/linalg.h"
#include "autograd/ops/matmul.h"
#include "autograd/ops/nn_ops.h"
#include "autograd/ops/reduce.h"
#include "autograd/ops/shape_ops.h"

using namespace gradus;

namespace {

using Values = std::vector<real>;
using Ids = std::vector<int64>;

void check_close(const Tensor& t, const std::vector<double>& want) {
  REQUIRE(t.numel() == static_cast<int64>(want.size()));
  for (size_t i = 0; i < want.size(); ++i)
    CHECK(static_cast<double>(t.data()[i]) ==
          doctest::Approx(want[i]).epsilon(sizeof(real) == 8 ? 1e-12 : 1e-5));
}

const Tensor kGrid = Tensor::from({2, 3}, {3, 1, 2, 2, 5, 5});

}  // namespace

TEST_CASE("functions: sort, topk, argmax, argsort") {
  const auto [sorted, order] = sort(kGrid, 1);
  CHECK(sorted.values() == Values{1, 2, 3, 2, 5, 5});
  CHECK(order.values() == Ids{1, 2, 0, 0, 1, 2});
  const auto [down, down_order] = sort(kGrid, 1, true);
  CHECK(down.values() == Values{3, 2, 1, 5, 5, 2});
  CHECK(down_order.values() == Ids{0, 2, 1, 1, 2, 0});
  CHECK(argsort(kGrid, 0).values() == Ids{1, 0, 0, 0, 1, 1});
  const auto [top, where] = topk(kGrid, 2, 1);
  CHECK(top.values() == Values{3, 2, 5, 5});
  CHECK(where.values() == Ids{0, 2, 1, 2});
  CHECK(topk(kGrid, 1, 0).first.values() == Values{3, 5, 5});
  CHECK(argmax(kGrid, 1).values() == Ids{0, 1});
  CHECK(argmax(kGrid, 0).values() == Ids{0, 1, 1});
  CHECK_THROWS_AS(topk(kGrid, 4, 1), ShapeError);
  // The gradient goes back through the permutation.
  const Tensor x = variable(kGrid), weights = Tensor::from({2, 3}, {1, 2, 3, 4, 5, 6});
  CHECK(grad(sum(sort(x, 1).first * weights), {x})[0].values() == Values{3, 1, 2, 4, 5, 6});
  CHECK(grad(sum(topk(x, 1, 1).first), {x})[0].values() == Values{1, 0, 0, 0, 1, 0});
}

TEST_CASE("functions: mean, var, norm") {
  CHECK(mean(kGrid).item() == 3);
  CHECK(mean(kGrid, {0}, true).shape() == Shape{1, 3});
  check_close(var(kGrid, {1}), {1, 3});
  check_close(var(kGrid, {1}, false, 0), {2.0 / 3, 2});
  check_close(norm(kGrid, {1}), {std::sqrt(14.0), std::sqrt(54.0)});
  const Tensor x = variable(kGrid);
  check_close(grad(norm(x), {x})[0], {3 / std::sqrt(68.0), 1 / std::sqrt(68.0), 2 / std::sqrt(68.0),
                                      2 / std::sqrt(68.0), 5 / std::sqrt(68.0), 5 / std::sqrt(68.0)});
  check_close(grad(var(x), {x})[0], {0, -0.8, -0.4, -0.4, 0.8, 0.8});
}

TEST_CASE("functions: losses reduce by mean, sum or not at all, with weights and soft labels") {
  const Tensor logits = Tensor::from({2, 2}, {0, std::log(real(3)), 0, 0});  // p = (1/4, 3/4), (1/2, 1/2)
  const IntTensor labels = IntTensor::from({2}, {1, 0});
  const double a = std::log(4.0 / 3), b = std::log(2.0);
  check_close(cross_entropy(logits, labels, Reduction::kNone), {a, b});
  check_close(cross_entropy(logits, labels), {(a + b) / 2});
  check_close(cross_entropy(logits, labels, Reduction::kSum), {a + b});
  const Tensor weights = Tensor::from({2}, {3, 1});
  check_close(cross_entropy(logits, labels, Reduction::kMean, 0, weights), {(3 * a + b) / 4});
  check_close(cross_entropy(logits, labels, Reduction::kSum, 0, weights), {3 * a + b});
  const Tensor targets = Tensor::from({2, 2}, {real(0.25), real(0.75), 1, 0});
  check_close(soft_cross_entropy(logits, targets, Reduction::kNone), {0.25 * std::log(4.0) + 0.75 * a, b});
  // Smoothing is the soft target (1 - s) one_hot + s / C.
  const Tensor smooth = Tensor::from({2, 2}, {real(0.1), real(0.9), real(0.9), real(0.1)});
  const double smoothed = soft_cross_entropy(logits, smooth).item();
  CHECK(static_cast<double>(cross_entropy(logits, labels, Reduction::kMean, real(0.2)).item()) ==
        doctest::Approx(smoothed).epsilon(1e-5));
  CHECK_THROWS_AS(cross_entropy(logits, IntTensor::from({2}, {0, 2})), DataError);
  CHECK_THROWS_AS(cross_entropy(logits, IntTensor::from({3}, {0, 1, 1})), ShapeError);
  check_close(mse_loss(kGrid, Tensor::ones({2, 3})), {(4 + 0 + 1 + 1 + 16 + 16) / 6.0});
  // The weights themselves are differentiable: d/dw_i of sum(w l)/sum(w) = (l_i - mean)/sum(w).
  const Tensor w = variable(weights);
  const double m = (3 * a + b) / 4;
  check_close(grad(cross_entropy(logits, labels, Reduction::kMean, 0, w), {w})[0],
              {(a - m) / 4, (b - m) / 4});
}

TEST_CASE("functions: dropout zeroes and scales, with the mask's gradient") {
  Rng rng(4);
  const Tensor x = variable(Tensor::ones({10000}));
  const Tensor y = dropout(x, real(0.25), rng);
  int64 zeros = 0;
  for (real v : y.values()) {
    CHECK_MESSAGE((v == 0 || v == 1 / real(0.75)), v);
    zeros += v == 0;
  }
  CHECK(zeros > 2350);
  CHECK(zeros < 2650);
  CHECK(grad(y, {x})[0].values() == y.values());
  CHECK(dropout(x, 0, rng).same_storage(x));
  CHECK_THROWS_AS(dropout(x, 1, rng), UsageError);
}

TEST_CASE("functions: adaptive pooling and upsampling") {
  const Tensor x = Tensor::from({1, 1, 2, 3}, {0, 1, 2, 3, 4, 5});
  check_close(adaptive_avg_pool2d(x, 1, 1), {2.5});
  check_close(adaptive_avg_pool2d(x, 1, 3), {1.5, 2.5, 3.5});
  check_close(adaptive_avg_pool2d(x, 2, 2), {0.5, 1.5, 3.5, 4.5});  // windows 0..1 and 1..2 overlap
  check_close(adaptive_max_pool2d(x, 2, 2), {1, 2, 4, 5});
  check_close(adaptive_max_pool2d(x, 1, 1), {5});
  const Tensor pooled = variable(x);  // 2 x 2 windows of overlapping columns: both see the middle one
  check_close(grad(sum(adaptive_max_pool2d(neg(pooled), 1, 2)), {pooled})[0], {-1, -1, 0, 0, 0, 0});
  CHECK_THROWS_AS(adaptive_max_pool2d(x, 0, 1), ShapeError);
  check_close(upsample_nearest(x, 2),
              {0, 0, 1, 1, 2, 2, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 3, 3, 4, 4, 5, 5});
  const Tensor row = Tensor::from({1, 1, 1, 2}, {0, 4});
  check_close(upsample_bilinear(row, 1, 4), {0, 1, 3, 4});
  check_close(upsample_bilinear(Tensor::from({1, 1, 1, 4}, {0, 4, 8, 12}), 1, 2), {2, 10});
  const Tensor v = variable(row);
  check_close(grad(upsample_bilinear(v, 1, 4), {v})[0], {2, 2});
}

TEST_CASE("functions: transposed convolution puts each input's kernel down, stride apart") {
  const Tensor x = Tensor::from({1, 1, 1, 2}, {1, 10}), w = Tensor::from({1, 1, 1, 3}, {1, 2, 3});
  const Tensor bias = Tensor::from({1}, {100});
  check_close(conv_transpose2d(x, w, {}, {.stride_w = 2}), {1, 2, 13, 20, 30});
  check_close(conv_transpose2d(x, w, bias, {.stride_w = 1}), {101, 112, 123, 130});
  check_close(conv_transpose2d(x, w, {}, {.stride_w = 2, .pad_w = 1}), {2, 13, 20});
}

TEST_CASE("functions: circular convolution equals its double loop at any length") {
  for (const int64 n : {1, 5, 8, 12}) {
    const Tensor a = Rng(1).normal_tensor({2, n}), b = Rng(2).normal_tensor({n});
    const Tensor y = circular_convolution(a, b);
    for (int64 r = 0; r < 2; ++r)
      for (int64 t = 0; t < n; ++t) {
        double total = 0;
        for (int64 s = 0; s < n; ++s) total += double(a.at({r, s})) * double(b.at({(t - s + n) % n}));
        CHECK(std::abs(double(y.at({r, t})) - total) < (sizeof(real) == 8 ? 1e-13 : 1e-5));
      }
  }
}

TEST_CASE("functions: split and stack undo each other") {
  const std::vector<Tensor> parts = split(kGrid, 1, {1, 2});
  CHECK(parts[0].values() == Values{3, 2});
  CHECK(parts[1].values() == Values{1, 2, 5, 5});
  CHECK(concat(parts, 1).values() == kGrid.values());
  CHECK(stack(std::vector<Tensor>{kGrid, kGrid}, 0).shape() == Shape{2, 2, 3});
  CHECK(flatten(Tensor::ones({2, 3, 4}), 1).shape() == Shape{2, 12});
  CHECK_THROWS_AS(split(kGrid, 1, {1, 1}), ShapeError);
}

TEST_CASE("functions: eigenvalues and log-determinant") {
  const Tensor a = variable(Tensor::from({2, 2}, {2, 1, 1, 2}));
  const auto [values, vectors] = eigh(a);
  check_close(values, {1, 3});
  // d(largest value)/dA = v v'.
  check_close(grad(slice(values, 0, 1, 2), {a})[0], {0.5, 0.5, 0.5, 0.5});
  // log det A = 2 sum log diag L; its gradient is the inverse.
  const Tensor l = cholesky(a);
  const Tensor diagonal = take(l, IntTensor::from({2}, {0, 3}));
  const Tensor log_det = sum(log(diagonal)) * real(2);
  check_close(log_det, {std::log(3.0)});
  check_close(grad(log_det, {a})[0], {2.0 / 3, -1.0 / 3, -1.0 / 3, 2.0 / 3});
  CHECK_THROWS_AS(solve(Tensor::zeros({2, 2}), Tensor::ones({2})), NumericError);
}

TEST_CASE("functions: elementary functions keep their accuracy near zero and far out") {
  check_close(log1p(Tensor::from({3}, {real(1e-6), real(-0.5), 100})),
              {std::log1p(double(real(1e-6))), std::log(0.5), std::log(101.0)});
  check_close(expm1(Tensor::from({4}, {real(1e-6), 1, -50, 30})),
              {std::expm1(double(real(1e-6))), std::expm1(1.0), -1.0, std::expm1(30.0)});
  check_close(softplus(Tensor::from({3}, {-30, 0, 200})), {std::exp(-30.0), std::log(2.0), 200});
  CHECK(sigmoid(Tensor::scalar(-200)).item() >= 0);
  CHECK(softmax(Tensor::from({2}, {1000, 1000})).values() == Values{real(0.5), real(0.5)});
}
