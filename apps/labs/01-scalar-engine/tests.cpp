#include "engine.h"
#include "lab_test.h"
#include "network.h"

using lab::expect_near;
using lab::hint;
using lab::show;

// An operation's value and the slopes on its edges, by operand.
template <class Op>
static void check_two(const Op& op, double a, double b, double value, double slope_a, double slope_b) {
  Tape tape;
  const Value x(tape, a), y(tape, b), z = op(x, y);
  const std::string input = "a = " + show(a) + ", b = " + show(b);
  expect_near(z.value(), value, input + ": the value");
  double sx = 0, sy = 0;
  for (const Edge& e : tape.nodes[z.at()].edges) (e.parent == x.at() ? sx : sy) += e.slope;
  expect_near(sx, slope_a, input + ": the slope in a");
  expect_near(sy, slope_b, input + ": the slope in b");
}
template <class Op>
static void check_one(const Op& op, double a, double value, double slope) {
  Tape tape;
  const Value x(tape, a), z = op(x);
  expect_near(z.value(), value, "a = " + show(a) + ": the value");
  double s = 0;
  for (const Edge& e : tape.nodes[z.at()].edges) s += e.slope;
  expect_near(s, slope, "a = " + show(a) + ": the slope");
}

LAB_TEST("1.1", 2, "a + b") {
  hint("the result has an edge to each operand");
  check_two([](auto& a, auto& b) { return a + b; }, 2, -3, -1, 1, 1);
}
LAB_TEST("1.2", 2, "a - b") {
  hint("d(a - b)/db is negative");
  check_two([](auto& a, auto& b) { return a - b; }, 2, -3, 5, 1, -1);
}
LAB_TEST("1.3", 2, "a * b") {
  hint("the slope in one operand is the other's value");
  check_two([](auto& a, auto& b) { return a * b; }, 2, -3, -6, -3, 2);
  check_two([](auto& a, auto& b) { return a * b; }, 0, 4, 0, 4, 0);
}
LAB_TEST("1.4", 3, "a / b") {
  hint("d(a/b)/db = -a / b^2");
  check_two([](auto& a, auto& b) { return a / b; }, 3, 2, 1.5, 0.5, -0.75);
  check_two([](auto& a, auto& b) { return a / b; }, -1, 4, -0.25, 0.25, 0.0625);
}
LAB_TEST("1.5", 2, "power") {
  hint("d(a^c)/da = c a^(c-1)");
  check_one([](auto& a) { return power(a, 3); }, -2, -8, 12);
  check_one([](auto& a) { return power(a, 0.5); }, 4, 2, 0.25);
  check_one([](auto& a) { return power(a, 1); }, 0, 0, 1);
}
LAB_TEST("1.6", 2, "exp") {
  check_one([](auto& a) { return exp(a); }, 1, 2.718281828459045, 2.718281828459045);
}
LAB_TEST("1.7", 2, "log") {
  check_one([](auto& a) { return log(a); }, 2, 0.6931471805599453, 0.5);
}
LAB_TEST("1.8", 2, "tanh") {
  hint("1 - tanh(a)^2: the value that came out, squared");
  check_one([](auto& a) { return tanh(a); }, 0.5, 0.46211715726000975, 0.7864477329659274);
}
LAB_TEST("1.9", 2, "relu, also at 0") {
  hint("at 0 the slope is 0");
  check_one([](auto& a) { return relu(a); }, 2, 2, 1);
  check_one([](auto& a) { return relu(a); }, -2, 0, 0);
  check_one([](auto& a) { return relu(a); }, 0, 0, 0);
}

LAB_TEST("2.1", 2, "zero_grad") {
  Tape tape;
  const Value a(tape, 1);
  tape.nodes[0].grad = 5;
  zero_grad(tape);
  expect_near(a.grad(), 0, "one node with grad 5");
}
// Nodes made by hand, so that the walk is graded even where operations are not written.
LAB_TEST("2.2", 4, "backward along a chain") {
  hint("start from 1 at the output; a node's derivative times the slope of its edge goes to the parent");
  Tape tape;
  const Value a(tape, 2), b(tape, 6, {{a.at(), 3}}), c(tape, -12, {{b.at(), -2}});
  backward(c);
  expect_near(c.grad(), 1, "a -3-> b -(-2)-> c, the output itself");
  expect_near(b.grad(), -2, "a -3-> b -(-2)-> c, at b");
  expect_near(a.grad(), -6, "a -3-> b -(-2)-> c, at a");
}
LAB_TEST("2.2", 5, "backward where a value is used twice") {
  hint("what comes along several paths adds up; a node goes on only when all that uses it has been seen");
  Tape tape;
  const Value a(tape, 3), b(tape, 6, {{a.at(), 2}}), c(tape, 15, {{a.at(), 5}}),
      d(tape, 0, {{b.at(), 7}, {c.at(), 1}, {b.at(), 1}});
  backward(d);
  expect_near(b.grad(), 8, "d uses b twice, slopes 7 and 1");
  expect_near(a.grad(), 21, "two paths: 2*8 + 5*1");
}
LAB_TEST("2.2", 3, "backward adds to what is there; nodes after the output have no part") {
  hint("a second call on the same tape must not count what the first one left in grad");
  Tape tape;
  const Value a(tape, 3), b(tape, 6, {{a.at(), 2}}), c(tape, 30, {{b.at(), 5}});
  backward(b);
  expect_near(c.grad(), 0, "backward(b), at c, which comes later");
  backward(c);
  expect_near(b.grad(), 1 + 5, "backward(b), then backward(c), at b");
  expect_near(a.grad(), 2 + 10, "backward(b), then backward(c), at a");
}
LAB_TEST("2.2", 4, "all together against finite differences") {
  const auto f = [](const std::vector<double>& v, std::vector<double>* grads) {
    Tape tape;
    const Value a(tape, v[0]), b(tape, v[1]);
    const Value y = tanh(a * b) + exp(a - b) / power(b, 2) + log(a) * relu(b);
    if (grads) {
      backward(y);
      *grads = {a.grad(), b.grad()};
    }
    return y.value();
  };
  std::vector<double> grads;
  const std::vector<double> at = {0.7, 1.3};
  f(at, &grads);
  for (size_t i = 0; i < 2; ++i)
    expect_near(grads[i], lab::difference([&](auto& v) { return f(v, nullptr); }, at, i),
                std::string("tanh(ab) + exp(a-b)/b^2 + log(a) relu(b) at (0.7, 1.3), in ") + (i ? "b" : "a"),
                1e-7);
}

static Layer layer(size_t inputs, size_t outputs, unsigned seed) {
  lab::Numbers draw(seed);
  Layer l{inputs, outputs, draw.take(inputs * outputs), draw.take(outputs)};
  return l;
}

LAB_TEST("3.1", 3, "linear") {
  hint("row o of the weights belongs to output o");
  Tape tape;
  const Layer l{2, 3, {1, 2, 3, 4, 5, 6}, {0.5, 0, -1}};
  const OnTape p = place(tape, l);
  const auto y = linear(l, p, {Value(tape, 10), Value(tape, 1)});
  expect_near({double(y.size())}, {3}, "3 outputs");
  expect_near({y[0].value(), y[1].value(), y[2].value()}, {12.5, 34, 55},
              "W = ((1,2),(3,4),(5,6)), x = (10, 1)");
}
LAB_TEST("3.2", 3, "forward: tanh between the layers, none after the last") {
  Tape tape;
  const std::vector<Layer> layers = {{1, 1, {2}, {0}}, {1, 1, {3}, {1}}};
  const std::vector<OnTape> p = {place(tape, layers[0]), place(tape, layers[1])};
  const auto y = forward(layers, p, {Value(tape, 0.5)});
  expect_near(y[0].value(), 3 * std::tanh(1.0) + 1, "x = 0.5, weights 2 and 3, biases 0 and 1");
}
LAB_TEST("3.3", 3, "mean squared error") {
  hint("a mean, not a sum");
  Tape tape;
  const Value a(tape, 1), b(tape, 4);
  const Value loss = mean_squared_error({a, b}, {2, 2});
  expect_near(loss.value(), 2.5, "predictions (1, 4), targets (2, 2)");
  backward(loss);
  expect_near({a.grad(), b.grad()}, {-1, 2}, "its derivatives, 2 (prediction - target) / 2");
}
LAB_TEST("3.4", 4, "cross-entropy, also of large logits") {
  hint("log(sum exp(z - max)) + max - z_label; its derivative is softmax minus one at the label");
  Tape tape;
  const std::vector<Value> z = {Value(tape, 1), Value(tape, 2), Value(tape, 0)};
  const Value loss = cross_entropy(z, 0);
  expect_near(loss.value(), 1.4076059644443806, "z = (1, 2, 0), label 0");
  backward(loss);
  expect_near({z[0].grad(), z[1].grad(), z[2].grad()},
              {0.24472847105479767 - 1, 0.6652409557748218, 0.09003057317038046}, "its derivatives");
  expect_near(cross_entropy({Value(tape, 1000), Value(tape, 999)}, 1).value(), 1.3132616875182228,
              "z = (1000, 999), label 1");
}
LAB_TEST("3.5", 2, "step goes against the gradient") {
  Tape tape;
  Layer l{1, 1, {2}, {3}};
  const OnTape p = place(tape, l);
  tape.nodes[p.weights[0].at()].grad = 4;
  tape.nodes[p.biases[0].at()].grad = -1;
  step(l, p, 0.1);
  expect_near({l.weights[0], l.biases[0]}, {1.6, 3.1}, "w = 2 (grad 4), b = 3 (grad -1), lr 0.1");
}
LAB_TEST("3.6", 5, "train learns exclusive or") {
  hint("a new tape for every step, one backward on the mean over all examples, then a step of every layer");
  std::vector<Layer> layers = {layer(2, 4, 3), layer(4, 1, 4)};
  const std::vector<std::vector<double>> x = {{0, 0}, {0, 1}, {1, 0}, {1, 1}};
  const std::vector<double> y = {0, 1, 1, 0};
  const std::vector<double> losses = train(layers, x, y, 800, 0.2);
  expect_near({double(losses.size())}, {800}, "800 steps: a loss for each");
  // The first two losses are those of the tested solution.
  expect_near(losses[0], 0.99644525447, "exclusive or, the loss before the first step", 1e-6);
  expect_near(losses[1], 0.3395766805, "exclusive or, the loss before the second step", 1e-6);
  lab::expect(losses.back() < 0.01, "a loss below 0.01 after 800 steps, it is " + show(losses.back()),
              "exclusive or, 2-4-1, lr 0.2");
}

LAB_MAIN
