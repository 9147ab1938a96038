#include <map>

#include "lab_test.h"
#include "layerwise.h"
#include "record.h"
#include "spectral.h"

using lab::expect_near;
using lab::hint;

// Follows a recorded run with `rule(name, w, g, options, lr, t)`; compares what `wanted` picks.
template <class Rule, class Wanted>
static void follow(const std::string& name, const Rule& rule, const Wanted& wanted) {
  lab::follow(
      name,
      [&](const std::string& key, Numbers& w, const Numbers& g, const lab::Options& o, long t, double scale) {
        if (wanted(key)) rule(key, w, g, o, o.get("lr", 1e-3) * scale, t);
      },
      [&](const std::string& key, const Numbers& w, const Numbers& expected, long t) {
        if (wanted(key))
          expect_near(w, expected,
                      "records/" + name + ", parameter " + key + " after step " + std::to_string(t), 1e-8);
      });
}
static std::map<std::string, std::vector<double>> shapes(const std::string& name) {
  std::map<std::string, std::vector<double>> all;
  const lab::Json run = lab::record(name);
  for (const auto& [key, value] : run["params"].fields) all[key] = value["shape"].numbers();
  return all;
}
static bool any(const std::string&) { return true; }

LAB_TEST("1.1", 1, "norm") { expect_near(norm({3, 0, -4}), 5, "(3, 0, -4)"); }
LAB_TEST("1.2", 3, "the rate of LARS") {
  hint("weights above, gradient below; decay times the norm of the weights is part of what is below");
  const LarsOptions o{1, 0.9, 0.1, 0.01, 0.5};
  expect_near(lars_rate({3, 4}, {0, 2}, o), 0.01 * 5 / (2 + 0.5 + 0.5),
              "||w|| = 5, ||g|| = 2, decay 0.1, trust 0.01, eps 0.5");
  expect_near(lars_rate({0, 0}, {1, 1}, o), 1, "weights of 0");
  expect_near(lars_rate({1, 1}, {0, 0}, o), 1, "a gradient of 0");
}
LAB_TEST("1.3", 4, "LARS, the recorded run") {
  hint("lr and rate go into the velocity; vectors are left out of both rate and decay");
  auto size = shapes("lars.json");
  std::map<std::string, State> states;
  follow(
      "lars.json",
      [&](const std::string& key, Numbers& w, const Numbers& g, const lab::Options& o, double lr, long) {
        lars(w, g, states[key],
             {lr, o.get("momentum", 0.9), o.get("weight_decay", 5e-4), o.get("trust_coefficient", 1e-3),
              o.get("eps", 0)},
             size[key].size() < 2);
      },
      any);
}
LAB_TEST("1.4", 5, "LAMB, the recorded run") {
  hint("||w|| before the step over ||u|| with decay in it");
  auto size = shapes("lamb.json");
  std::map<std::string, State> states;
  follow(
      "lamb.json",
      [&](const std::string& key, Numbers& w, const Numbers& g, const lab::Options& o, double lr, long) {
        lamb(w, g, states[key],
             {lr, o.get("beta1", 0.9), o.get("beta2", 0.999), o.get("eps", 1e-6), o.get("weight_decay", 0)},
             size[key].size() < 2);
      },
      any);
}

LAB_TEST("2.1", 4, "a function of a symmetric matrix") {
  hint("columns of V are scaled, then V' from the right");
  const Eigen e = eigen(Matrix(2, 2, {2, 1, 1, 2}));  // values 1 and 3
  expect_near(spectral(e, [](double x) { return x; }).data, {2, 1, 1, 2}, "((2, 1), (1, 2)), the function x");
  expect_near(spectral(e, [](double x) { return 1 / x; }).data, {2 / 3.0, -1 / 3.0, -1 / 3.0, 2 / 3.0},
              "1/x");
  // Vectors that are no symmetric matrix tell V from V'.
  const Matrix turn(2, 2, {0.6, -0.8, 0.8, 0.6});
  expect_near(spectral({{1, 4}, turn}, [](double x) { return std::sqrt(x); }).data,
              {1.64, -0.48, -0.48, 1.36}, "values (1, 4), vectors (0.6, 0.8) and (-0.8, 0.6), the root");
}
LAB_TEST("2.2", 4, "an inverse root") {
  hint("the floor is relative to the largest eigenvalue, and comes before the correction");
  const Matrix a(2, 2, {16, 0, 0, 1e-9});
  const Matrix r = inverse_root(a, 0.25, 1, 1e-4);
  expect_near(r.data, {0.5, 0, 0, 1 / (std::pow(16e-4, 0.25) + 1e-8)},
              "diagonal (16, 1e-9), power 1/4, floor 1e-4", 1e-7);
  expect_near(inverse_root(Matrix(1, 1, {4}), 0.5, 0.25, 1e-4).data, {0.25}, "(4), power 1/2, correction 1/4",
              1e-7);
  expect_near(inverse_root(Matrix(2, 2), 0.25, 1, 1e-4).data, {1, 0, 0, 1}, "zeros");
}
LAB_TEST("3.1", 2, "the state at first") {
  ShampooState s;
  begin(s, Matrix(2, 3));
  expect_near(s.pl.data, {1, 0, 0, 1}, "a 2 x 3 gradient: PL");
  expect_near({double(s.r.rows), double(s.r.cols), double(s.m.rows), double(s.m.cols)}, {3, 3, 2, 3},
              "sizes of R and M");
}
LAB_TEST("3.2", 4, "the covariances") {
  hint("G G' is of the rows, and is divided by the number of columns");
  ShampooState s;
  s.l = Matrix(1, 1, {2}), s.r = Matrix(2, 2);
  accumulate(s, Matrix(1, 2, {1, 3}), 0.75);
  expect_near(s.l.data, {0.75 * 2 + 0.25 * 10 / 2}, "L = (2), G = (1, 3), beta2 0.75");
  expect_near(s.r.data, {0.25, 0.75, 0.75, 2.25}, "R = 0");
}
LAB_TEST("3.3", 6, "Shampoo, the recorded run") {
  hint(
      "the roots that a step uses are those made in an earlier one; the first step moves nothing but by "
      "decay");
  auto size = shapes("shampoo.json");
  std::map<std::string, ShampooState> states;
  follow(
      "shampoo.json",
      [&](const std::string& key, Numbers& w, const Numbers& g, const lab::Options& o, double lr, long) {
        const size_t m = size_t(size[key][0]), n = size_t(size[key][1]);
        Matrix weights(m, n, w);
        shampoo(weights, Matrix(m, n, g), states[key],
                {lr, o.get("beta1", 0.9), o.get("beta2", 0.99), o.get("weight_decay", 0),
                 o.get("eig_floor", 1e-5), long(o.get("update_every", 10))});
        w = weights.data;
      },
      [&](const std::string& key) { return size[key].size() == 2; });
}
LAB_TEST("4.1", 1, "Frobenius norm") {
  expect_near(frobenius(Matrix(2, 2, {1, 2, 2, 4})), 5, "((1, 2), (2, 4))");
}
LAB_TEST("4.2", 4, "one iteration") {
  hint("A A, not A element by element; all three terms from the X that came in");
  const Matrix y = newton_schulz_step(Matrix(2, 2, {0.5, 0, 0, 0.1}), {2, -1.5, 0.5});
  const auto p = [](double s) { return 2 * s - 1.5 * s * s * s + 0.5 * std::pow(s, 5); };
  expect_near(y.data, {p(0.5), 0, 0, p(0.1)}, "diagonal (0.5, 0.1), coefficients (2, -1.5, 0.5)");
  expect_near(newton_schulz_step(Matrix(2, 2, {0.3, -0.08, 0.4, 0.06}), {2, -1.5, 0.5}).data,
              {0.6 * p(0.5), -0.8 * p(0.1), 0.8 * p(0.5), 0.6 * p(0.1)},
              "the same turned: ((0.6, -0.8), (0.8, 0.6)) diagonal (0.5, 0.1)");
  expect_near(newton_schulz_step(Matrix(1, 2, {0.6, 0}), {1, 1, 0}).data, {0.6 + 0.216, 0},
              "(0.6, 0), coefficients (1, 1, 0)");
}
LAB_TEST("4.3", 4, "all singular values near 1") {
  hint("norm first; a tall matrix is transposed so that A is the small one");
  const Matrix x(2, 3, {3, 1, 0, -1, 0.5, 2});
  const Matrix y = newton_schulz(x, tuned_steps());
  const Matrix gram = product(y, transposed(y));
  for (const double value : eigen(gram).values)
    lab::expect(value > 0.5 && value < 1.3, "singular values near 1, a squared one is " + lab::show(value),
                "a 2 x 3 matrix");
  expect_near(newton_schulz(transposed(x), tuned_steps()).data, transposed(y).data, "its transpose");
  expect_near(newton_schulz(1000.0 * x, tuned_steps()).data, y.data, "a thousand times the matrix", 1e-6);
}
LAB_TEST("4.4", 4, "Muon, the recorded run") {
  hint("the factor is sqrt(max(1, rows / columns)); decay by lr, beside U");
  auto size = shapes("muon.json");
  std::map<std::string, Matrix> momentum;
  follow(
      "muon.json",
      [&](const std::string& key, Numbers& w, const Numbers& g, const lab::Options& o, double lr, long t) {
        const size_t m = size_t(size[key][0]), n = size_t(size[key][1]);
        Matrix weights(m, n, w);
        muon(weights, Matrix(m, n, g), momentum[key], t, {lr, o.get("beta1", 0.9), o.get("weight_decay", 0)});
        w = weights.data;
      },
      [&](const std::string& key) { return size[key].size() == 2; });
}

LAB_MAIN
