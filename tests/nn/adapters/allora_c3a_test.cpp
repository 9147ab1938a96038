// ALLoRA's scaled gradients and C3A's circulant matrices: the cards' checks.
#include <cmath>

#include "autograd/functional/functional.h"
#include "autograd/ops/elementwise.h"
#include "autograd/ops/matmul.h"
#include "core/linalg.h"
#include "nn/adapters/allora.h"
#include "nn/adapters/c3a.h"
#include "nn/adapters/lora.h"
#include "tests/nn/compare.h"
#include "tests/nn/hashed.h"
#include "tests/precision.h"

using namespace gradus;
using namespace gradus::tests;

namespace gradus::allora_c3a_tests {

const double kExact = kDouble ? 1e-12 : 1e-5;

struct LayerGradients {
  Tensor x, A, B;
};
LayerGradients gradients(const Tensor& x, const Tensor& W0, const Tensor& A, const Tensor& B, const Tensor& g,
                         const AlloraGradient& o) {
  const Tensors grads =
      vjp([&](std::span<const Tensor> p) { return allora_linear(p[0], W0, {}, p[1], p[2], o); }, {{x, A, B}},
          g)
          .grads;
  return {grads[0], grads[1], grads[2]};
}
LayerGradients plain_gradients(const Tensor& x, const Tensor& W0, const Tensor& A, const Tensor& B,
                               const Tensor& g) {
  const Tensors grads =
      vjp([&](std::span<const Tensor> p) { return lora_linear(p[0], W0, {}, p[1], p[2], 1); }, {{x, A, B}}, g)
          .grads;
  return {grads[0], grads[1], grads[2]};
}

TEST_CASE("allora: norms of the rows of B A, and the scales, by hand") {
  const RowScale s = allora_row_scale(Tensor::from({2, 3}, {real(3.75), 0, 0, 0, 0, 4}),
                                      Tensor::from({2, 2}, {1, 0, 0, 2}), {.eta = 2});
  CHECK(s.row_norms.data()[0] == doctest::Approx(3.75));
  CHECK(s.row_norms.data()[1] == doctest::Approx(8));
  CHECK(s.scales.data()[0] == doctest::Approx(0.5));
  CHECK(s.scales.data()[1] == doctest::Approx(0.3481553).epsilon(1e-6));
  const RowScale linear_form =
      allora_row_scale(Tensor::from({1, 1}, {3}), Tensor::from({1, 1}, {1}), {4, "linear"});
  CHECK(linear_form.scales.data()[0] == doctest::Approx(1 / 3.25));
}

TEST_CASE(
    "allora: where B = 0 its gradient is eta times the plain one; far away scale*sqrt(norm) goes to 1") {
  const Tensor x = numbers({5, 4}, 1), W0 = numbers({3, 4}, 2), A = numbers({2, 4}, 3),
               B = Tensor::zeros({3, 2}), g = numbers({5, 3}, 4);
  const LayerGradients own = gradients(x, W0, A, B, g, {{.eta = 4}}), plain = plain_gradients(x, W0, A, B, g);
  CHECK(gap(own.B, plain.B * real(4)) < 10 * kExact);
  CHECK(gap(own.A, Tensor::zeros({2, 4})) == 0);
  const RowScale far = allora_row_scale(Tensor::from({1, 1}, {1}), Tensor::from({1, 1}, {real(1e8)}), {});
  CHECK(static_cast<double>(far.scales.data()[0]) * 1e4 == doctest::Approx(1).epsilon(1e-6));
}

TEST_CASE(
    "allora: dx is that of an unscaled layer; row i of dB is scaled by scale_i; dA of the scaled rows") {
  const Tensor x = numbers({5, 4}, 1), W0 = numbers({3, 4}, 2), A = numbers({2, 4}, 3),
               B = numbers({3, 2}, 5), g = numbers({5, 3}, 4);
  const Tensor scales = allora_row_scale(A, B, {}).scales;
  const LayerGradients own = gradients(x, W0, A, B, g, {}), plain = plain_gradients(x, W0, A, B, g),
                       scaled = plain_gradients(x, W0, A, B, g * scales);
  CHECK(gap(own.x, plain.x) < kExact);
  CHECK(gap(own.B, scaled.B) < kExact);
  CHECK(gap(own.A, scaled.A) < kExact);
  const LayerGradients b_alone = gradients(x, W0, A, B, g, {{}, "B"});
  CHECK(gap(b_alone.B, scaled.B) < kExact);
  CHECK(gap(b_alone.A, plain.A) < kExact);
}

TEST_CASE("c3a: the first row of a block is the kernel, each further one shifted to the right") {
  const Tensor w = Tensor::from({1, 1, 4}, {1, 2, 3, 4});
  CHECK(gap(block_circulant(w), Tensor::from({4, 4}, {1, 2, 3, 4, 4, 1, 2, 3, 3, 4, 1, 2, 2, 3, 4, 1})) == 0);
  CHECK(gap(c3a_weight(Tensor::zeros({4, 4}), w), block_circulant(w) / real(4)) < kExact);
  // Its rank is the number of frequencies in it.
  const auto rank = [](const Tensor& kernel) {
    const Tensor s = linalg::svd(block_circulant(kernel)).s;
    int64 count = 0;
    for (const real v : s.span()) count += v > real(1e-4);
    return count;
  };
  CHECK(rank(Tensor::from({1, 1, 4}, {1, 0, 0, 0})) == 4);
  CHECK(rank(Tensor::ones({1, 1, 4})) == 1);
  CHECK(rank(Tensor::from({1, 1, 4}, {1, 0, 1, 0})) == 2);
}

TEST_CASE("c3a: blocks by hand, and through Fourier transforms of any length") {
  std::vector<real> counting(12);
  for (size_t i = 0; i < 12; ++i) counting[i] = static_cast<real>(i + 1);
  const Tensor w = Tensor::from({2, 3, 2}, counting), x = Tensor::from({1, 6}, {1, -1, 2, real(0.5), 0, 3});
  const Tensor by_hand = Tensor::from({1, 4}, {25, real(25.5), 58, real(58.5)});
  CHECK(gap(linear(x, block_circulant(w)), by_hand) < 100 * kExact);
  CHECK(gap(block_correlation(x, w), by_hand) < 100 * kExact);
  for (const int64 b : {1, 2, 3, 5, 8}) {
    CAPTURE(b);
    const Tensor kernel = numbers({2, 3, b}, 7), rows = numbers({2, 2, 3 * b}, 8);
    CHECK(gap(block_correlation(rows, kernel), linear(rows, block_circulant(kernel))) <
          (kDouble ? 1e-12 : 1e-4));
  }
  // Blocks of 1: the kernel is the matrix.
  CHECK(gap(block_circulant(numbers({3, 4, 1}, 9)), numbers({3, 4, 1}, 9).view({3, 4})) == 0);
  CHECK_THROWS_AS(block_correlation(x, numbers({2, 2, 2}, 1)), ShapeError);
  CHECK_THROWS_AS(c3a_weight(Tensor::zeros({4, 5}), w), ShapeError);
}

}  // namespace gradus::allora_c3a_tests
