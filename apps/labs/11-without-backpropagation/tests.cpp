#include "estimate.h"
#include "lab_test.h"
#include "local.h"

using lab::expect_equal;
using lab::expect_near;
using lab::hint;

// f(x) = x0^2 + 3 x1 and its derivative along v.
static double f(const Vector& x) { return x[0] * x[0] + 3 * x[1]; }
static double along(const Vector& x, const Vector& v) { return 2 * x[0] * v[0] + 3 * v[1]; }

LAB_TEST("1.1", 4, "the forward gradient") {
  hint("a number, J v, times the direction; then the mean");
  expect_near(forward_gradient(along, {2, 0}, {{1, 1}}), {7, 7}, "x0^2 + 3 x1 at (2, 0), direction (1, 1)");
  expect_near(forward_gradient(along, {2, 0}, {{1, 1}, {1, -1}}), {4, 3},
              "directions (1, 1) and (1, -1): the gradient");
}
LAB_TEST("1.2", 4, "by two values") {
  expect_near(two_point_gradient(f, {2, 0}, {{1, 1}, {1, -1}}, 0.01), {4, 3}, "the same, h = 0.01");
  const auto cubic = [](const Vector& x) { return x[0] * x[0] * x[0]; };
  expect_near(two_point_gradient(cubic, {1}, {{2}}, 0.5), {16},
              "x^3 at 1, direction 2, h = 0.5: (f(2) - f(0)) / 1, times 2");
}
LAB_TEST("1.3", 3, "centred ranks") {
  expect_near(centred_ranks({10, -3, 7}), {0.5, -0.5, 0}, "(10, -3, 7)");
  expect_near(centred_ranks({1, 1, 0, 5, 5}), {-0.25, 0, -0.5, 0.25, 0.5}, "(1, 1, 0, 5, 5)");
  expect_near(centred_ranks({4}), {0}, "(4)");
}
LAB_TEST("1.4", 3, "the price") {
  expect_near(expected_square({3, 4}, 1), 50, "g = (3, 4), signs: all four directions give it");
  expect_near(expected_square({3, 4}, 3), 100, "g = (3, 4), Gaussian directions");
}
LAB_TEST("1.5", 3, "descending") {
  lab::Numbers numbers(5);
  const auto signs = [&] {
    Vector v(3);
    for (double& x : v) x = numbers.next() < 0 ? -1 : 1;
    return v;
  };
  const auto bowl = [](const Vector& x, const Vector& v) { return 2 * dot(x, v); };
  expect_near(forward_descend(bowl, {1, 1, 1}, 0.1, 1,
                              [] {
                                return Vector{1, 1, -1};
                              }),
              {0.8, 0.8, 1.2}, "||x||^2 from (1, 1, 1), lr 0.1, direction (1, 1, -1)");
  const Vector x = forward_descend(bowl, {1, -2, 3}, 0.1, 400, signs);
  lab::expect(dot(x, x) < 1e-6, "near the minimum after 400 steps, ||x||^2 is " + lab::show(dot(x, x)),
              "||x||^2 from (1, -2, 3), lr 0.1");
}
LAB_TEST("2.1", 2, "normalised") {
  expect_near(normalised({3, 0, -4}), {0.6, 0, -0.8}, "(3, 0, -4)", 1e-7);
  expect_near(normalised({0, 0}), {0, 0}, "(0, 0)");
}
LAB_TEST("2.2", 2, "activity") {
  expect_near(activity({2, 3, {1, 2, -1, -1, 0, 5}}, {3, 4}), {11, 0, 20},
              "W = ((1, 2), (-1, -1), (0, 5)), x = (3, 4)");
}
LAB_TEST("2.3", 1, "goodness") { expect_near(goodness({1, 0, 3, 2}), 3.5, "(1, 0, 3, 2)"); }
LAB_TEST("2.4", 3, "the local loss") {
  hint("a real input should have a goodness above the threshold");
  expect_near({local_loss(3, 1, true), local_loss(3, 1, false)}, {0.1269280110429726, 2.1269280110429727},
              "goodness 3, threshold 1: real, made up");
  expect_near({local_loss(2001, 1, true), local_loss(2001, 1, false)}, {0, 2000}, "goodness 2001");
}
LAB_TEST("2.5", 6, "its gradient") {
  hint("dL/dgoodness, times 2 y / n, times x; where relu is 0 y is 0 as well");
  for (const bool real : {true, false}) {
    Layer layer{3, 4, lab::Numbers(1).take(12)};
    const Vector x = {0.3, -0.5, 0.8};
    const Vector g = local_gradient(layer, x, 0.2, real);
    const auto loss = [&] {
      double sum = 0;
      for (size_t o = 0; o < 4; ++o) {
        double z = 0;
        for (size_t i = 0; i < 3; ++i) z += layer.weights[o * 3 + i] * x[i];
        sum += z > 0 ? z * z / 4 : 0;
      }
      return std::log1p(std::exp(real ? 0.2 - sum : sum - 0.2));
    };
    Vector slopes;
    for (double& w : layer.weights) {
      const double at = w;
      w = at + 1e-5;
      const double up = loss();
      w = at - 1e-5;
      slopes.push_back((up - loss()) / 2e-5);
      w = at;
    }
    expect_near(
        g, slopes,
        std::string("a layer of 4 on 3 inputs, ") + (real ? "real" : "made up") + ", against differences",
        1e-8);
  }
}
LAB_TEST("3.1", 1, "a label in the input") {
  expect_near(with_label({7, 8, 9, 10}, 1, 3), {0, 1, 0, 10}, "(7, 8, 9, 10), label 1 of 3");
}

// Points whose third number says their class, with room for the label before it.
static Vector point(size_t c, lab::Numbers& n) {
  return {0, 0, (c ? 1.0 : -1.0) + 0.3 * n.next(), 0.3 * n.next()};
}
LAB_TEST("3.2", 5, "a step") {
  hint("both activities that go on are those of the weights before the step");
  std::vector<Layer> layers = {{2, 1, {1, 0}}, {1, 1, {2}}};
  train_step(layers, {3, 4}, {0, 1}, 1, 0.5);
  // real: normalised (.6, .8), activity .6, goodness .36; made up: (0, 1), activity 0. Second layer: real 1, made up 0.
  const double first = 0.5 * 2 * 0.6 / (1 + std::exp(-(1 - 0.36))),
               second = 0.5 * 2 * 2 / (1 + std::exp(3.0));
  expect_near(layers[0].weights, {1 + first * 0.6, first * 0.8},
              "the first layer, weights (1, 0), real (3, 4), made up (0, 1)", 1e-6);
  expect_near(layers[1].weights, {2 + second}, "the second layer, weight 2", 1e-6);
}
LAB_TEST("3.3", 3, "goodness of a network") {
  const std::vector<Layer> layers = {{2, 2, {1, 0, 0, 2}}, {2, 1, {5, 0}}};
  const double n = std::sqrt(0.36 + 2.56);
  expect_near(total_goodness(layers, {3, 4}), (0.36 + 2.56) / 2 + 25 * 0.36 / n / n,
              "two layers, input (3, 4)", 1e-6);
}
LAB_TEST("3.4", 4, "a network learns without a backward pass") {
  lab::Numbers n(2);
  std::vector<Layer> layers = {{4, 12, n.take(48)}, {12, 12, n.take(144)}};
  for (int t = 0; t < 800; ++t) {
    const size_t c = t % 2;
    const Vector x = point(c, n);
    train_step(layers, with_label(x, c, 2), with_label(x, 1 - c, 2), 0.5, 0.3);
  }
  int right = 0;
  for (int i = 0; i < 100; ++i) right += classify(layers, point(size_t(i % 2), n), 2) == size_t(i % 2);
  lab::expect(right >= 95, "at least 95 of 100 right, there are " + lab::show(right),
              "two classes, 800 steps");
}
LAB_TEST("4.1", 1, "memory of backpropagation") {
  expect_equal(kept_by_backpropagation({10, 20, 5}), size_t(35), "widths 10, 20, 5");
}
LAB_TEST("4.2", 2, "memory of local training") {
  expect_equal(kept_by_local_training({10, 20, 5}), size_t(30), "widths 10, 20, 5");
  expect_equal(kept_by_local_training({7}), size_t(7), "one layer");
}

LAB_MAIN
