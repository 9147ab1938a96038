#include "check.h"
#include "lab_test.h"

using lab::expect_near;
using lab::hint;

static Matrix draw(size_t m, size_t n, unsigned seed) { return Matrix(m, n, lab::Numbers(seed).take(m * n)); }

// The values of an operation, and its vjp: <g, J v> by central differences of the operation against <vjp(g), v>, element by element of
// the operands. Needs no other operation.
using Op = std::function<Var(const std::vector<Var>&)>;
static void check(const Op& op, std::vector<Matrix> x, const std::vector<double>& value,
                  const std::string& input) {
  const auto run = [&](const std::vector<Matrix>& at) {
    Tape tape;
    std::vector<Var> in;
    for (const Matrix& m : at) in.push_back(tape.leaf(m));
    return op(in).value();
  };
  Tape tape;
  std::vector<Var> in;
  for (const Matrix& m : x) in.push_back(tape.leaf(m));
  const Var y = op(in);
  expect_near(y.value().data, value, input + ": the value");
  const Matrix g = draw(y.rows(), y.cols(), 77);
  const std::vector<Matrix> back = tape.nodes()[y.at].vjp(g);
  expect_near(double(back.size()), double(x.size()), input + ": cotangents, one an operand");
  for (size_t k = 0; k < x.size(); ++k) {
    Matrix slopes(x[k].rows, x[k].cols);
    for (size_t i = 0; i < x[k].data.size(); ++i) {
      const double at = x[k].data[i];
      x[k].data[i] = at + 1e-5;
      const Matrix up = run(x);
      x[k].data[i] = at - 1e-5;
      const Matrix down = run(x);
      x[k].data[i] = at;
      for (size_t e = 0; e < g.data.size(); ++e)
        slopes.data[i] += g.data[e] * (up.data[e] - down.data[e]) / 2e-5;
    }
    expect_near(back[k].data, slopes.data, input + ": the vjp in operand " + std::to_string(k), 1e-7);
  }
}

LAB_TEST("1.1", 6, "grad: paths add up, the rest is zero") {
  hint("gather cotangents by node, from the output backwards; a node has all of its own when it is reached");
  Tape tape;
  const Var a = tape.leaf(Matrix(1, 1, {2})), b = tape.leaf(Matrix(2, 3)), late = scale(a, 1);
  // y = (3a) * (3a) made by hand
  const Var c = scale(a, 3);
  const double v = c.value()(0, 0);
  const Var y = tape.note(Matrix(1, 1, {v * v}), {c, c}, [v](const Matrix& g) {
    return std::vector<Matrix>{v * g, v * g};
  });
  const Var after = scale(a, 100);
  const auto g = grad(y, {a, b, y, late, after});
  expect_near(g[0].data, {36}, "y = (3a)^2 at a = 2, in a");
  expect_near(g[1].data, std::vector<double>(6, 0), "in a matrix that y does not use: zeros of its shape");
  expect_near(g[2].data, {1}, "in y itself");
  expect_near(g[3].data, {0}, "in a value beside it");
  expect_near(g[4].data, {0}, "in a value that came later");
}
LAB_TEST("2.1", 2, "a + b") {
  check([](auto& x) { return x[0] + x[1]; }, {Matrix(1, 2, {1, 2}), Matrix(1, 2, {3, 5})}, {4, 7},
        "(1, 2) + (3, 5)");
}
LAB_TEST("2.2", 2, "a * b, element by element") {
  check([](auto& x) { return x[0] * x[1]; }, {Matrix(1, 2, {1, 2}), Matrix(1, 2, {3, 5})}, {3, 10},
        "(1, 2) * (3, 5)");
}
LAB_TEST("2.3", 2, "exp") {
  hint("its derivative is its value");
  check([](auto& x) { return exp(x[0]); }, {Matrix(1, 2, {0, 1})}, {1, std::exp(1.0)}, "(0, 1)");
}
LAB_TEST("2.4", 2, "relu") {
  check([](auto& x) { return relu(x[0]); }, {Matrix(1, 2, {-1, 2})}, {0, 2}, "(-1, 2)");
  Tape tape;
  const Var y = relu(tape.leaf(Matrix(1, 1, {0})));
  expect_near(tape.nodes()[y.at].vjp(Matrix(1, 1, {5}))[0].data, {0}, "the slope at 0");
}
LAB_TEST("3.1", 3, "sum") {
  hint("every element gets the cotangent of the sum");
  check([](auto& x) { return sum(x[0]); }, {Matrix(2, 2, {1, 2, 3, 4})}, {10}, "((1, 2), (3, 4))");
}
LAB_TEST("3.2", 4, "add_row") {
  hint("what was repeated over rows is summed over rows");
  check([](auto& x) { return add_row(x[0], x[1]); }, {Matrix(2, 2, {1, 2, 3, 4}), Matrix(1, 2, {10, 20})},
        {11, 22, 13, 24}, "((1, 2), (3, 4)) and the row (10, 20)");
}
LAB_TEST("3.3", 2, "transpose") {
  check([](auto& x) { return transpose(x[0]); }, {Matrix(1, 3, {1, 2, 3})}, {1, 2, 3}, "(1, 2, 3)");
  check([](auto& x) { return transpose(x[0]); }, {Matrix(2, 2, {1, 2, 3, 4})}, {1, 3, 2, 4},
        "((1, 2), (3, 4))");
}
LAB_TEST("3.4", 4, "take_rows") {
  hint("a row taken twice gets both cotangents");
  check(
      [](auto& x) {
        return take_rows(x[0], {2, 0, 2});
      },
      {Matrix(3, 2, {1, 2, 3, 4, 5, 6})}, {5, 6, 1, 2, 5, 6}, "rows 2, 0, 2 of ((1, 2), (3, 4), (5, 6))");
}
LAB_TEST("4.1", 5, "matmul") {
  hint("dA = g B', dB = A' g: shapes leave no other choice");
  check([](auto& x) { return matmul(x[0], x[1]); },
        {Matrix(1, 3, {1, 2, 3}), Matrix(3, 2, {1, 0, 0, 1, 2, 2})}, {7, 8},
        "(1, 2, 3) times ((1, 0), (0, 1), (2, 2))");
}
LAB_TEST("4.2", 5, "log_softmax") {
  hint("back = g - softmax * (sum of g), row by row");
  check([](auto& x) { return log_softmax(x[0]); }, {Matrix(2, 2, {0, 0, 1, 3})},
        {-std::log(2.0), -std::log(2.0), -2.1269280110429727, -0.1269280110429726}, "((0, 0), (1, 3))");
  Tape tape;
  expect_near(log_softmax(tape.leaf(Matrix(1, 2, {1000, 0}))).value().data, {0, -1000}, "(1000, 0)");
}
LAB_TEST("4.3", 4, "cross_entropy") {
  hint("a mean over rows; its gradient is (softmax - one at the label) / rows");
  Tape tape;
  const Var z = tape.leaf(Matrix(2, 2, {0, 0, 1, 3}));
  const Var loss = cross_entropy(z, {0, 1});
  expect_near(loss.value().data, {(std::log(2.0) + 0.1269280110429726) / 2},
              "((0, 0), (1, 3)), labels 0 and 1");
  const double p = 0.11920292202211755;
  expect_near(grad(loss, {z})[0].data, {-0.25, 0.25, p / 2, -p / 2}, "its gradient");
}
LAB_TEST("5.1", 4, "differences") {
  hint("central: up and down by h, divided by 2h; put the element back");
  const Function f = [](const std::vector<Var>& x) {
    const Matrix& a = x[0].value();
    const Matrix& b = x[1].value();
    return x[0].tape->leaf(Matrix(1, 1, {a(0, 0) * a(0, 0) * a(0, 1) + 3 * b(0, 0)}));
  };
  const auto d = differences(f, {Matrix(1, 2, {2, 5}), Matrix(1, 1, {7})});
  expect_near(d[0].data, {20, 4}, "a0^2 a1 + 3 b at a = (2, 5), b = 7, in a", 1e-8);
  expect_near(d[1].data, {3}, "in b", 1e-8);
}
LAB_TEST("5.2", 2, "largest_error") {
  expect_near(largest_error({Matrix(1, 2, {1.5, 101})}, {Matrix(1, 2, {1, 100})}), 0.5,
              "(1.5, 101) against (1, 100)");
  expect_near(largest_error({Matrix(1, 1, {-0.2})}, {Matrix(1, 1, {0.1})}), 0.3, "-0.2 against 0.1");
  lab::expect(std::isinf(largest_error({Matrix(1, 2, {NAN, 0})}, {Matrix(1, 2, {0, 0})})), "infinity",
              "(nan, 0) against (0, 0)");
}
LAB_TEST("5.3", 5, "train_step") {
  std::vector<Matrix> p = {draw(2, 5, 1), draw(1, 5, 2), draw(5, 2, 3), draw(1, 2, 4)};
  const Matrix x(4, 2, {0, 0, 0, 1, 1, 0, 1, 1});
  const std::vector<size_t> labels = {0, 1, 1, 0};
  const std::vector<Matrix> before = p;
  const Function loss = [&](const std::vector<Var>& v) {
    return cross_entropy(add_row(matmul(relu(add_row(matmul(v[0].tape->leaf(x), v[0]), v[1])), v[2]), v[3]),
                         labels);
  };
  const std::vector<Matrix> slopes = [&] {
    std::vector<Matrix> all;
    for (size_t k = 0; k < before.size(); ++k) {
      Matrix s(before[k].rows, before[k].cols);
      for (size_t i = 0; i < s.data.size(); ++i) {
        std::vector<Matrix> up = before, down = before;
        up[k].data[i] += 1e-5, down[k].data[i] -= 1e-5;
        s.data[i] = (value_at(loss, up) - value_at(loss, down)) / 2e-5;
      }
      all.push_back(s);
    }
    return all;
  }();
  expect_near(train_step(p, x, labels, 0.5), value_at(loss, before),
              "exclusive or, the loss that is returned");
  for (size_t k = 0; k < p.size(); ++k)
    expect_near(p[k].data, (before[k] - 0.5 * slopes[k]).data,
                "parameter " + std::to_string(k) + " after a step, lr 0.5", 1e-6);
  double last = 0;
  for (int t = 0; t < 500; ++t) last = train_step(p, x, labels, 0.5);
  lab::expect(last < 0.05, "a loss below 0.05 after 500 steps, it is " + lab::show(last), "exclusive or");
}

LAB_MAIN
