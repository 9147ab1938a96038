#include <functional>

#include "lab_test.h"
#include "layers.h"

using lab::expect_near;
using lab::hint;

static Matrix draw(size_t m, size_t n, unsigned seed) { return Matrix(m, n, lab::Numbers(seed).take(m * n)); }
static double dot(const Matrix& a, const Matrix& b) {
  double sum = 0;
  for (size_t i = 0; i < a.data.size(); ++i) sum += a.data[i] * b.data[i];
  return sum;
}
// Central differences of a scalar function in a matrix.
static std::vector<double> slopes(Matrix& x, const std::function<double()>& f) {
  std::vector<double> out;
  for (double& v : x.data) {
    const double at = v;
    v = at + 1e-5;
    const double up = f();
    v = at - 1e-5;
    out.push_back((up - f()) / 2e-5);
    v = at;
  }
  return out;
}

LAB_TEST("1.1", 2, "linear") {
  hint("x W' + b, with W (out, in)");
  expect_near(
      linear(Matrix(1, 2, {10, 1}), Matrix(3, 2, {1, 2, 3, 4, 5, 6}), Matrix(1, 3, {0.5, 0, -1})).data,
      {12.5, 34, 55}, "x = (10, 1), W = ((1,2),(3,4),(5,6)), b = (0.5, 0, -1)");
}
LAB_TEST("1.2", 5, "its derivatives") {
  hint("dx = g W, dW = g' x, db the sum over rows");
  const LinearGrads d =
      linear_backward(Matrix(2, 2, {1, 2, 3, 4}), Matrix(2, 2, {5, 6, 7, 8}), Matrix(2, 2, {1, 10, 2, 3}));
  expect_near(d.x.data, {75, 86, 31, 36}, "W = ((5, 6), (7, 8)), g = ((1, 10), (2, 3)): dx");
  expect_near(d.w.data, {7, 10, 19, 32}, "x = ((1, 2), (3, 4)): dW");
  expect_near(d.b.data, {3, 13}, "db");
}
LAB_TEST("2.1", 3, "softmax") {
  hint("subtract the largest of the row");
  expect_near(softmax(Matrix(2, 2, {0, std::log(3.0), 1000, 1000})).data, {0.25, 0.75, 0.5, 0.5},
              "(0, log 3) and (1000, 1000)");
}
LAB_TEST("2.2", 2, "label smoothing") {
  expect_near(smoothed({1, 0}, 4, 0.2).data, {0.05, 0.85, 0.05, 0.05, 0.85, 0.05, 0.05, 0.05},
              "labels 1 and 0 of 4, s = 0.2");
}
LAB_TEST("2.3", 4, "cross-entropy") {
  hint("by the logarithm of the softmax, z - max - log(sum); log of a softmax that underflowed is -inf");
  const Matrix one(1, 2, {1, 0});
  expect_near(cross_entropy(Matrix(1, 2, {-1000, 0}), one), 1000, "z = (-1000, 0), label 0");
  expect_near(cross_entropy(Matrix(2, 2, {0, 0, 0, std::log(3.0)}), Matrix(2, 2, {1, 0, 0.5, 0.5})),
              (std::log(2.0) - 0.5 * std::log(0.25) - 0.5 * std::log(0.75)) / 2,
              "two rows, targets (1, 0) and (0.5, 0.5)");
}
LAB_TEST("2.4", 4, "its gradient") {
  hint("softmax - target, over the number of rows");
  expect_near(
      cross_entropy_backward(Matrix(2, 2, {0, 0, 0, std::log(3.0)}), Matrix(2, 2, {1, 0, 0.5, 0.5})).data,
      {-0.25, 0.25, -0.125, 0.125}, "two rows, targets (1, 0) and (0.5, 0.5)");
}
LAB_TEST("3.1", 4, "layer norm") {
  hint("n below the variance; eps within the root");
  const LayerNorm f =
      layer_norm(Matrix(1, 4, {1, 3, 5, 7}), Matrix(1, 4, {1, 1, 2, 1}), Matrix(1, 4, {0, 10, 0, 0}), 4);
  expect_near(f.y.data, {-1, 10 - 1 / 3.0, 2 / 3.0, 1},
              "(1, 3, 5, 7), gamma (1, 1, 2, 1), beta (0, 10, 0, 0), eps 4");
  expect_near(f.scale, {1 / 3.0}, "1 / sqrt(variance + eps)");
  expect_near(f.xhat.data, {-1, -1 / 3.0, 1 / 3.0, 1}, "xhat");
}
LAB_TEST("3.2", 3, "the derivatives of gamma and beta") {
  LayerNorm f{Matrix(2, 2), Matrix(2, 2, {1, -1, 2, -2}), {1, 1}};
  const AffineGrads d = layer_norm_affine_backward(f, Matrix(2, 2, {3, 4, 5, 6}));
  expect_near(d.gamma.data, {13, -16}, "xhat ((1, -1), (2, -2)), g ((3, 4), (5, 6)): dgamma");
  expect_near(d.beta.data, {8, 10}, "dbeta");
}
LAB_TEST("3.3", 6, "the derivative in x") {
  hint("mean and scale depend on every x of the row: two means are subtracted");
  // xhat and scale as they follow from x, by hand, so that part 3.1 need not be there.
  Matrix x = draw(2, 5, 1), gamma = draw(1, 5, 2);
  const Matrix g = draw(2, 5, 3);
  const auto norm = [&] {
    LayerNorm f{x, x, {}};
    for (size_t i = 0; i < 2; ++i) {
      double mean = 0, square = 0;
      for (size_t j = 0; j < 5; ++j) mean += x(i, j) / 5;
      for (size_t j = 0; j < 5; ++j) square += (x(i, j) - mean) * (x(i, j) - mean) / 5;
      f.scale.push_back(1 / std::sqrt(square + 0.1));
      for (size_t j = 0; j < 5; ++j)
        f.xhat(i, j) = (x(i, j) - mean) * f.scale[i], f.y(i, j) = gamma(0, j) * f.xhat(i, j);
    }
    return f;
  };
  const Matrix dx = layer_norm_backward(norm(), gamma, g);
  expect_near(dx.data, slopes(x, [&] { return dot(norm().y, g); }), "two rows of five, against differences",
              1e-7);
}
LAB_TEST("4.1", 2, "gelu") {
  expect_near(gelu(Matrix(1, 3, {0, 1, -2})).data, {0, 0.8413447460685429, -0.04550026389635841},
              "(0, 1, -2)");
}
LAB_TEST("4.2", 3, "its derivative") {
  hint("a product: Phi(x) + x phi(x)");
  expect_near(gelu_backward(Matrix(1, 2, {1, -2}), Matrix(1, 2, {2, 1})).data,
              {2 * 1.0833154705876864, -0.085231801078}, "x = (1, -2), g = (2, 1)");
}
LAB_TEST("4.3", 3, "dropout") {
  hint("what stays is divided by 1 - p");
  const Matrix x(1, 4, {1, 2, 3, 4}), u(1, 4, {0.1, 0.2, 0.9, 0.19});
  expect_near(dropout(x, u, 0.2, true).data, {0, 2.5, 3.75, 0},
              "x = (1, 2, 3, 4), uniform (0.1, 0.2, 0.9, 0.19), p 0.2");
  expect_near(dropout(x, u, 0.2, false).data, x.data, "not in training");
}
LAB_TEST("4.4", 1, "the first weights") { expect_near(he_deviation(50), 0.2, "50 inputs"); }

static Block some_block() {
  return {draw(1, 3, 1), draw(1, 3, 2), draw(4, 3, 3), draw(1, 4, 4), draw(3, 4, 5), draw(1, 3, 6)};
}
LAB_TEST("5.1", 3, "a block") {
  const Block zero{Matrix(1, 2, {1, 1}), Matrix(1, 2),         Matrix(1, 2),
                   Matrix(1, 1, {1}),    Matrix(2, 1, {2, 0}), Matrix(1, 2, {0, 3})};
  expect_near(block(zero, Matrix(1, 2, {5, 7})).data, {5 + 2 * 0.8413447460685429, 10},
              "w1 = 0, b1 = 1, w2 = (2, 0)', b2 = (0, 3), x = (5, 7)");
}
LAB_TEST("5.2", 7, "its backward pass, in x and all parameters") {
  hint("backwards through each part; x acts twice: through the branch and past it");
  Block p = some_block();
  Matrix x = draw(2, 3, 7);
  const Matrix g = draw(2, 3, 8);
  const BlockGrads d = block_backward(p, x, g);
  const auto loss = [&] { return dot(block(p, x), g); };
  expect_near(d.x.data, slopes(x, loss), "dx, against differences", 1e-6);
  const Block& q = d.parameters;
  expect_near(q.gamma.data, slopes(p.gamma, loss), "dgamma", 1e-6);
  expect_near(q.beta.data, slopes(p.beta, loss), "dbeta", 1e-6);
  expect_near(q.w1.data, slopes(p.w1, loss), "dw1", 1e-6);
  expect_near(q.b1.data, slopes(p.b1, loss), "db1", 1e-6);
  expect_near(q.w2.data, slopes(p.w2, loss), "dw2", 1e-6);
  expect_near(q.b2.data, slopes(p.b2, loss), "db2", 1e-6);
}

LAB_MAIN
