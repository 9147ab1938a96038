#include "lab_test.h"
#include "lora.h"
#include "start.h"

using lab::expect_equal;
using lab::expect_near;
using lab::hint;

static Matrix draw(size_t m, size_t n, unsigned seed) { return Matrix(m, n, lab::Numbers(seed).take(m * n)); }
static double dot(const Matrix& a, const Matrix& b) {
  double s = 0;
  for (size_t i = 0; i < a.data.size(); ++i) s += a.data[i] * b.data[i];
  return s;
}

LAB_TEST("1.1", 2, "scaling") {
  const Lora l{Matrix(4, 3), Matrix(2, 4), 8};
  expect_near({scaling(l), scaling(l, true)}, {2, 4}, "alpha 8, rank 4: plain, stabilised");
}
LAB_TEST("1.2", 4, "forward") {
  hint("x A' first, (m, r), then B'");
  const Lora l{Matrix(1, 2, {1, 2}), Matrix(2, 1, {10, 20}), 0.5};
  expect_near(forward(Matrix(1, 2, {3, 4}), Matrix(2, 2, {1, 0, 0, 1}), l).data, {3 + 55, 4 + 110},
              "x = (3, 4), W = I, A = (1, 2), B = (10, 20)', s = 0.5");
}
LAB_TEST("1.3", 7, "backward") {
  hint("with h = x A': dB = s g' h, dA = s (g B)' x, dx = g W + s (g B) A");
  Matrix x = draw(3, 4, 1);
  const Matrix w = draw(5, 4, 2), g = draw(3, 5, 3);
  Lora l{draw(2, 4, 4), draw(5, 2, 5), 3};
  const auto y = [&] {  // by the merged weight, so that forward need not be there
    Matrix whole = w + (l.alpha / double(l.rank())) * product(l.b, l.a);
    return dot(product(x, transposed(whole)), g);
  };
  const auto slopes = [&](Matrix& m) {
    std::vector<double> out;
    for (double& e : m.data) {
      const double at = e;
      e = at + 1e-4;
      const double up = y();
      e = at - 1e-4;
      out.push_back((up - y()) / 2e-4);
      e = at;
    }
    return out;
  };
  const LoraGrads d = backward(x, w, l, g);
  expect_near(d.x.data, slopes(x), "dx, against differences", 1e-8);
  expect_near(d.a.data, slopes(l.a), "dA", 1e-8);
  expect_near(d.b.data, slopes(l.b), "dB", 1e-8);
}
LAB_TEST("1.4", 3, "merge") {
  const Lora l{Matrix(1, 2, {1, 2}), Matrix(2, 1, {10, 20}), 0.5};
  expect_near(merge(Matrix(2, 2, {1, 0, 0, 1}), l).data, {6, 10, 10, 21},
              "W = I, A = (1, 2), B = (10, 20)', s = 0.5");
}
LAB_TEST("1.5", 1, "trained numbers") {
  expect_equal(trained(1000, 500, 8), size_t(12000), "1000 x 500, rank 8");
}
LAB_TEST("2.1", 5, "a step") {
  hint("the mean is over all elements; the gradients of both factors are taken before either moves");
  Lora l{Matrix(1, 1, {2}), Matrix(1, 1, {3}), 1};
  expect_near(train_step(Matrix(2, 1, {1, 1}), Matrix(2, 1, {4, 4}), Matrix(1, 1, {0}), l, 0.01), 4,
              "x = 1, W = 0, A = 2, B = 3, y = 4, twice: the loss");
  expect_near({l.a(0, 0), l.b(0, 0)}, {2 - 0.01 * 12, 3 - 0.01 * 8}, "A and B after it, lr 0.01");
}
LAB_TEST("2.2", 3, "a step of LoRA+") {
  Lora l{Matrix(1, 1, {2}), Matrix(1, 1, {3}), 1};
  expect_near(train_step_plus(Matrix(1, 1, {1}), Matrix(1, 1, {4}), Matrix(1, 1, {0}), l, 0.01, 16), 4,
              "the loss");
  expect_near({l.a(0, 0), l.b(0, 0)}, {2 - 0.01 * 12, 3 - 0.16 * 8}, "A and B after it, ratio 16");
}
LAB_TEST("3.1", 2, "the usual start") {
  const Lora l = plain_start(Matrix(2, 3, {1, 2, 3, 4, 5, 6}), 4, 7);
  expect_near(l.a.data, {1, 2, 3, 4, 5, 6}, "A as drawn");
  expect_near({double(l.b.rows), double(l.b.cols), dot(l.b, l.b), l.alpha}, {4, 2, 0, 7},
              "B: size, norm; alpha");
}
LAB_TEST("3.2", 2, "second moments") {
  expect_near(second_moment(Matrix(2, 2, {1, 2, 3, 4})).data, {5, 7, 7, 10}, "((1, 2), (3, 4))");
}
LAB_TEST("3.3", 6, "leading directions") {
  hint("orthonormal again after every product, else all rows turn to the first direction");
  const Matrix m(3, 3, {2, 1, 0, 1, 2, 0, 0, 0, 1.5});  // 3 along (1, 1, 0), 1.5 along (0, 0, 1), 1
  const Matrix q = leading_directions(m, Matrix(2, 3, {1, 0, 0.1, 0.3, 1, 1}), 200);
  expect_near({std::fabs(q(0, 0)), std::fabs(q(0, 1)), std::fabs(q(0, 2))},
              {std::sqrt(0.5), std::sqrt(0.5), 0}, "((2,1,0),(1,2,0),(0,0,1.5)): the first", 1e-8);
  expect_near({std::fabs(q(1, 0)), std::fabs(q(1, 1)), std::fabs(q(1, 2))}, {0, 0, 1}, "the second", 1e-8);
  const Matrix once = leading_directions(m, Matrix(1, 3, {1, 0, 0}), 1);
  expect_near(once.data, {2 / std::sqrt(5.0), 1 / std::sqrt(5.0), 0}, "one step from (1, 0, 0)");
}
LAB_TEST("3.4", 3, "explained variance") {
  expect_near(explained(Matrix(2, 2, {3, 0, 0, 1}), Matrix(1, 2, {0.6, 0.8})), (3 * 0.36 + 0.64) / 4,
              "diagonal (3, 1), row (0.6, 0.8)");
}
LAB_TEST("3.5", 4, "a start from activations") {
  Matrix x(40, 3);
  lab::Numbers n(3);
  for (size_t i = 0; i < 40; ++i) {
    const double big = 10 * n.next();
    x(i, 0) = 3 * big + 0.1 * n.next(), x(i, 1) = 0.1 * n.next(), x(i, 2) = -4 * big + 0.1 * n.next();
  }
  const Lora l = eva_start(x, draw(1, 3, 1), 2, 4, 30);
  const double sign = l.a(0, 0) > 0 ? 1 : -1;
  expect_near({sign * l.a(0, 0), l.a(0, 1), sign * l.a(0, 2)}, {0.6, 0, -0.8}, "activations along (3, 0, -4)",
              0.01);
  expect_near({double(l.b.rows), dot(l.b, l.b)}, {2, 0}, "B is zero");
}
LAB_TEST("3.6", 4, "ranks under a budget") {
  hint("compare each layer's next share, not its first");
  expect_equal(share_ranks({{0.5, 0.3, 0.1}, {0.9, 0.05}, {0.3, 0.3}}, 4), std::vector<size_t>{2, 1, 1},
               "(.5, .3, .1), (.9, .05), (.3, .3), four");
  expect_equal(share_ranks({{0.5}, {0.4}}, 9), std::vector<size_t>{1, 1}, "(.5), (.4), nine");
}

LAB_MAIN
