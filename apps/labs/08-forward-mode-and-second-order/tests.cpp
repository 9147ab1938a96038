#include "curvature.h"
#include "dual.h"
#include "lab_test.h"

using lab::expect_near;
using lab::hint;
using D = Dual<double>;

// f(x, y) = x^2 y + y^3 by sums and products written out, so that only operator* is needed.
template <class T>
static T cubic(const std::vector<T>& v) {
  return v[0] * v[0] * v[1] + v[1] * v[1] * v[1];
}
// Its gradient.
struct CubicGradient {
  template <class T>
  std::vector<T> operator()(const std::vector<T>& v) const {
    return {T(2) * v[0] * v[1], v[0] * v[0] + T(3) * v[1] * v[1]};
  }
};
// Of x^4/4 + 2 x y.
struct QuarticGradient {
  template <class T>
  std::vector<T> operator()(const std::vector<T>& v) const {
    return {v[0] * v[0] * v[0] + T(2) * v[1], T(2) * v[0]};
  }
};
static const auto kCubic = [](const auto& v) { return cubic(v); };

LAB_TEST("1.1", 3, "a * b") {
  const D y = D(3, 2) * D(5, 7);
  expect_near({y.value, y.slope}, {15, 31}, "(3, 2) * (5, 7)");
}
LAB_TEST("1.2", 3, "a / b") {
  hint("(a' - q b') / b with q = a/b");
  const D y = D(6, 1) / D(2, 4);
  expect_near({y.value, y.slope}, {3, -5.5}, "(6, 1) / (2, 4)");
}
LAB_TEST("1.3", 2, "exp") {
  const D y = exp(D(0, 3));
  expect_near({y.value, y.slope}, {1, 3}, "(0, 3)");
  expect_near(exp(D(1, 2)).slope, 2 * std::exp(1.0), "(1, 2), the slope");
}
LAB_TEST("1.4", 2, "log") { expect_near(log(D(2, 3)).slope, 1.5, "(2, 3), the slope"); }
LAB_TEST("1.5", 2, "tanh, also of dual numbers of dual numbers") {
  const D y = tanh(D(0.5, 2));
  expect_near({y.value, y.slope}, {0.46211715726000975, 2 * 0.7864477329659274}, "(0.5, 2)");
  const Dual<D> z = tanh(Dual<D>(D(0.5, 1), D(1, 0)));
  expect_near(z.slope.slope, -2 * 0.46211715726000975 * 0.7864477329659274, "the second derivative at 0.5");
}
LAB_TEST("2.1", 3, "jvp") {
  expect_near(jvp(kCubic, {2, 3}, {1, 10}), 12 + 10 * 31, "x^2 y + y^3 at (2, 3) along (1, 10)");
}
LAB_TEST("2.2", 3, "a gradient by forward mode") {
  expect_near(forward_gradient(kCubic, {2, 3}), {12, 31}, "x^2 y + y^3 at (2, 3)");
}
LAB_TEST("2.3", 4, "second derivatives") {
  hint("value: x with slope v; slope: u with slope 0");
  expect_near(second_derivative(kCubic, {2, 3}, {1, 0}, {0, 1}), 4, "x^2 y + y^3 at (2, 3), in x and y");
  expect_near(second_derivative(kCubic, {2, 3}, {1, 2}, {3, -1}), 1 * 6 * 3 + 4 * (-1 + 6) + 2 * 18 * -1,
              "along (1, 2) and (3, -1)");
}
LAB_TEST("3.1", 4, "hvp") {
  hint("the point has v for its slope; of the gradient that comes out the slopes are H v");
  expect_near(hvp(CubicGradient(), {2, 3}, {1, 10}), {6 + 40, 4 + 180}, "at (2, 3), v = (1, 10)");
  expect_near(hvp(QuarticGradient(), {2, 3}, {1, 10}), {3 * 4 + 20, 2},
              "gradient (x^3 + 2 y, 2 x) at (2, 3), v = (1, 10)");
}

// ((4, 1, 0), (1, 3, 1), (0, 1, 2))
static Vector three(const Vector& v) { return {4 * v[0] + v[1], v[0] + 3 * v[1] + v[2], v[1] + 2 * v[2]}; }
LAB_TEST("3.2", 3, "Hutchinson's trace") {
  expect_near(hutchinson_trace(three, {{1, 1, 1}, {1, -1, 1}}), (13 + 5) / 2.0,
              "probes (1, 1, 1) and (1, -1, 1)");
  expect_near(hutchinson_trace(three, {{1, 1, 1}, {1, 1, -1}, {1, -1, 1}, {1, -1, -1}}), 9,
              "all probes but for their sign: the trace");
}
LAB_TEST("3.3", 3, "and diagonal") {
  expect_near(hutchinson_diagonal(three, {{1, 1, 1}, {1, 1, -1}, {1, -1, 1}, {1, -1, -1}}), {4, 3, 2},
              "all probes but for their sign");
  expect_near(hutchinson_diagonal(three, {{1, 1, 1}}), {5, 5, 3}, "(1, 1, 1) alone");
}
LAB_TEST("4.1", 3, "the power method") {
  const double largest = 4.732050807568877;  // 3 + sqrt(3)
  expect_near(power_method(three, {1, 1, 1}, 100), largest, "100 steps", 1e-8);
  expect_near(power_method(three, {1, 0, 0}, 1), (4 * 17 + 7.0) / 17, "one step from (1, 0, 0)");
}
LAB_TEST("4.2", 5, "Lanczos' method") {
  hint("alpha is taken after beta q was subtracted; T has one beta less than alphas");
  const Tridiagonal t = lanczos(three, {2, 0, 0}, 3);
  expect_near(t.alpha, {4, 3, 2}, "from (2, 0, 0), three steps: the matrix is tridiagonal already");
  expect_near(t.beta, {1, 1}, "its beta");
  const Tridiagonal two = lanczos(three, {1, 1, 1}, 2);
  expect_near({double(two.alpha.size()), double(two.beta.size())}, {2, 1},
              "from (1, 1, 1), two steps: how many alphas and betas");
  expect_near({two.alpha[0], two.alpha[1], two.beta[0]}, {13 / 3.0, 13 / 6.0, std::sqrt(8.0) / 3},
              "from (1, 1, 1), two steps: alphas and beta");
  const Tridiagonal early = lanczos([](const Vector& v) { return Vector{2 * v[0], 2 * v[1]}; }, {1, 1}, 2);
  expect_near(early.alpha, {2}, "twice the identity: ends after one step");
}
LAB_TEST("4.3", 3, "eigenvalues below x") {
  const Tridiagonal t{{4, 3, 2}, {1, 1}};  // 3 - sqrt 3, 3, 3 + sqrt 3
  expect_near({double(eigenvalues_below(t, 1)), double(eigenvalues_below(t, 2)),
               double(eigenvalues_below(t, 3.5)), double(eigenvalues_below(t, 5))},
              {0, 1, 2, 3}, "below 1, 2, 3.5 and 5");
  expect_near(double(eigenvalues_below({{1, 1}, {2}}, -0.5)), 1,
              "alpha (1, 1), beta (2), below -0.5: of -1 and 3");
}
LAB_TEST("4.4", 3, "the largest eigenvalue") {
  expect_near(largest_eigenvalue({{4, 3, 2}, {1, 1}}, 10), 4.732050807568877, "alpha (4, 3, 2), beta (1, 1)",
              1e-9);
  expect_near(largest_eigenvalue({{-4, -3}, {0.5}}, 10), -2.7928932188134525, "alpha (-4, -3), beta (0.5)",
              1e-9);
}
LAB_TEST("5.1", 5, "conjugate gradients") {
  hint("three steps are enough for three unknowns");
  expect_near(conjugate_gradients(three, {5, 5, 3}, 0, 3), {1, 1, 1}, "H (1, 1, 1) = (5, 5, 3)");
  expect_near(conjugate_gradients(three, {6, 6, 4}, 1, 10), {1, 1, 1}, "damping 1");
  const double a = 59 / 273.0;
  expect_near(conjugate_gradients(three, {5, 5, 3}, 0, 1), {5 * a, 5 * a, 3 * a}, "one step");
}
LAB_TEST("5.2", 4, "SAM's gradient") {
  hint("uphill by rho along the gradient's direction, then the gradient there");
  const auto gradient = [](const Vector& w) { return Vector{2 * w[0], 4 * w[1] * w[1] * w[1]}; };
  expect_near(sam_gradient(gradient, {3, 0}, 0.5), {7, 0}, "x^2 + y^4 at (3, 0), rho 0.5");
  expect_near(sam_gradient(gradient, {0, 0}, 0.5), {0, 0}, "at the minimum");
}
LAB_TEST("5.3", 3, "steps of SAM") {
  // The gradient of min(50 (x + 1)^2, (x - 1)^2).
  const auto gradient = [](const Vector& w) {
    const double a = 50 * (w[0] + 1) * (w[0] + 1), b = (w[0] - 1) * (w[0] - 1);
    return Vector{a < b ? 100 * (w[0] + 1) : 2 * (w[0] - 1)};
  };
  expect_near(sam_descend(gradient, {-1.1}, 0.01, 0, 1), {-1.0},
              "rho 0, one step from -1.1: gradient descent");
  expect_near(sam_descend([](const Vector& w) { return Vector{2 * w[0]}; }, {1}, 0.1, 0.5, 2), {0.46},
              "x^2 from 1, lr 0.1, rho 0.5, two steps");
}

LAB_MAIN
