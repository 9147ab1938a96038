// Solutions against known figures and against the equations themselves, residuals by hand, points, derivatives of the losses.
#include "optim/problems/field_equations.h"

#include <doctest/doctest.h>

#include <cmath>
#include <numbers>
#include <set>

#include "autograd/grad.h"
#include "autograd/graph.h"
#include "autograd/ops/elementwise.h"
#include "autograd/ops/shape_ops.h"
#include "core/error.h"
#include "nn/registry.h"

using namespace gradus;

namespace {

constexpr double kPi = std::numbers::pi;

// How far the solution's differences miss the equation at (x,t): f is what must vanish of u, u_x, u_t, u_xx by channel.
template <class F>
double miss(const FieldEquation& e, double x, double t, F f) {
  const double h = 1e-4;
  const auto at = [&](double dx, double dt) { return e.solution(x + dx, t + dt); };
  const auto u = at(0, 0), right = at(h, 0), left = at(-h, 0), later = at(0, h), before = at(0, -h);
  std::vector<double> ux, ut, uxx;
  for (size_t c = 0; c < u.size(); ++c) {
    ux.push_back((right[c] - left[c]) / (2 * h));
    ut.push_back((later[c] - before[c]) / (2 * h));
    uxx.push_back((right[c] - 2 * u[c] + left[c]) / (h * h));
  }
  return f(u, ux, ut, uxx);
}

}  // namespace

TEST_CASE("field equations: Burgers' solution") {
  const FieldEquation thin = burgers_equation(0.01 / kPi);
  CHECK(thin.solution(0.25, 0)[0] == doctest::Approx(-std::sin(kPi / 4)));
  for (const double t : {0.0, 0.1, 0.5, 1.0}) {
    CHECK(std::abs(thin.solution(1, t)[0]) < 1e-12);
    CHECK(std::abs(thin.solution(-1 + 1e-9, t)[0]) < 1e-5);
    CHECK(thin.solution(0.3, t)[0] == doctest::Approx(-thin.solution(-0.3, t)[0]));
  }
  // Basdevant et al.: the slope at x = 0 is steepest at t = 1.6037/pi, where it is -152.00516.
  const double h = 1e-6, t = 1.6037 / kPi;
  const auto slope = [&](double s) { return (thin.solution(h, s)[0] - thin.solution(-h, s)[0]) / (2 * h); };
  CHECK(slope(t) == doctest::Approx(-152.00516).epsilon(1e-6));
  CHECK(slope(t - 0.02) > slope(t));
  CHECK(slope(t + 0.02) > slope(t));

  const double nu = 0.1 / kPi;
  for (const auto& [x, s] : {std::pair{0.2, 0.3}, {-0.7, 0.6}, {0.05, 0.9}})
    CHECK(std::abs(miss(burgers_equation(nu), x, s, [&](auto u, auto ux, auto ut, auto uxx) {
            return ut[0] + u[0] * ux[0] - nu * uxx[0];
          })) < 1e-4);
  CHECK_THROWS_AS(burgers_equation(0), UsageError);
}

TEST_CASE("field equations: Schroedinger's solution") {
  const FieldEquation e = schroedinger_equation();
  for (const double x : {-3.0, 0.0, 0.4}) {
    CHECK(e.solution(x, 0)[0] == doctest::Approx(2 / std::cosh(x)));
    CHECK(std::abs(e.solution(x, 0)[1]) < 1e-12);
  }
  const auto focus = e.solution(0, kPi / 4);  // 4*exp(i*pi/8)*(1 - 3)/(1 + 4 - 3)
  CHECK(focus[0] == doctest::Approx(-4 * std::cos(kPi / 8)));
  CHECK(focus[1] == doctest::Approx(-4 * std::sin(kPi / 8)));
  for (const auto& [x, t] : {std::pair{0.2, 0.3}, {-1.5, 0.9}, {0.6, 1.4}}) {
    CHECK(std::abs(miss(e, x, t, [](auto u, auto, auto ut, auto uxx) {
            return -ut[1] + 0.5 * uxx[0] + (u[0] * u[0] + u[1] * u[1]) * u[0];
          })) < 1e-4);
    CHECK(std::abs(miss(e, x, t, [](auto u, auto, auto ut, auto uxx) {
            return ut[0] + 0.5 * uxx[1] + (u[0] * u[0] + u[1] * u[1]) * u[1];
          })) < 1e-4);
  }
}

TEST_CASE("field equations: residuals of fields whose derivatives are known") {
  // u = x^2 t: u_t + u u_x - nu u_xx = x^2 + 2 x^3 t^2 - 2 nu t.
  const auto column = [](const Tensor& p, int64 j) { return slice(p, 1, j, j + 1); };
  const Tensor points = variable(Tensor::from({2, 2}, {0.5, 2, -1, 3}));
  const Tensor u = square(column(points, 0)) * column(points, 1);
  const Tensor burgers = burgers_equation(0.25).residual(points, u);
  REQUIRE(burgers.shape() == Shape{2, 1});
  CHECK(burgers.data()[0] == doctest::Approx(0.25 + 2 * 0.125 * 4 - 2 * 0.25 * 2));
  CHECK(burgers.data()[1] == doctest::Approx(1 - 2 * 9 - 2 * 0.25 * 3));

  // u = x^2 t, v = x^3 t:  real part  -x^3 + t + d*u,  imaginary part  x^2 + 3 x t + d*v,  d = u^2 + v^2.
  const Tensor v = square(column(points, 0)) * column(points, 0) * column(points, 1), both[] = {u, v};
  const Tensor s = schroedinger_equation().residual(points, concat(both, 1));
  REQUIRE(s.shape() == Shape{2, 2});
  const double xs[] = {0.5, -1}, ts[] = {2, 3};
  for (size_t i = 0; i < 2; ++i) {
    const double x = xs[i], t = ts[i], a = x * x * t, b = x * x * x * t, d = a * a + b * b;
    CHECK(s.data()[2 * i] == doctest::Approx(-x * x * x + t + d * a));
    CHECK(s.data()[2 * i + 1] == doctest::Approx(x * x + 3 * x * t + d * b));
  }
}

TEST_CASE("field equations: points") {
  const FieldEquation e = schroedinger_equation();
  Rng rng(3);
  const Tensor inside = interior_points(e, 10, rng);
  std::set<int> x_slices, t_slices;
  for (int64 i = 0; i < 10; ++i) {
    x_slices.insert(static_cast<int>(std::floor((static_cast<double>(inside.data()[2 * i]) + 5) / 10 * 10)));
    t_slices.insert(
        static_cast<int>(std::floor(static_cast<double>(inside.data()[2 * i + 1]) / (kPi / 2) * 10)));
  }
  CHECK(x_slices.size() == 10);
  CHECK(t_slices.size() == 10);
  const Tensor start = initial_points(e, 4, rng), edges = boundary_points(e, 4, rng),
               grid = grid_points(e, 3, 2);
  for (int64 i = 0; i < 4; ++i) {
    CHECK(start.data()[2 * i + 1] == 0);
    CHECK(edges.data()[2 * i] == (i % 2 ? 5 : -5));
  }
  const std::vector<double> expected = {-5, 0, -5, kPi / 2, 0, 0, 0, kPi / 2, 5, 0, 5, kPi / 2};
  for (size_t i = 0; i < expected.size(); ++i) CHECK(grid.data()[i] == doctest::Approx(expected[i]));
  CHECK_THROWS_AS(interior_points(e, 0, rng), UsageError);
  CHECK_THROWS_AS(grid_points(e, 1, 5), UsageError);
}

TEST_CASE("field equations: losses, and their gradients in the weights against differences") {
  const FieldEquation e = schroedinger_equation();
  // The field 0 misses 2/cosh(x) at t = 0: the mean over both channels.
  const Field zero = [](const Tensor& p) { return Tensor::zeros({p.dim(0), 2}); };
  const Tensor points = Tensor::from({2, 2}, {0, 0, 1, 0});
  const double second = 2 / std::cosh(1.0);
  CHECK(value_loss(e, zero, points).item() == doctest::Approx((4 + second * second) / 4));

  const auto model =
      make_model("mlp:hidden=5-4,act=tanh", {.channels = 2, .height = 1, .width = 1, .targets = 2}, Rng(1));
  const Field field = [&](const Tensor& p) { return (*model)(p); };
  Rng rng(2);
  const Tensor inside = interior_points(e, 7, rng);
  const Parameters parameters = model->parameters();
  std::vector<Tensor> values;
  for (const ParameterPtr& p : parameters) values.push_back(p->value);
  const std::vector<Tensor> g = grad(residual_loss(e, field, inside), values);
  const real h = sizeof(real) == 8 ? real(1e-5) : real(1e-2);
  for (size_t k = 0; k < values.size(); ++k)
    for (const int64 i : {int64{0}, values[k].numel() - 1}) {
      real& w = values[k].mutable_data()[i];
      const real kept = w;
      w = kept + h;
      const double up = static_cast<double>(residual_loss(e, field, inside).item());
      w = kept - h;
      const double down = static_cast<double>(residual_loss(e, field, inside).item());
      w = kept;
      CAPTURE(parameters[k]->name);
      CHECK(static_cast<double>(g[k].data()[i]) == doctest::Approx((up - down) / (2 * static_cast<double>(h)))
                                                       .epsilon(sizeof(real) == 8 ? 1e-6 : 2e-2));
    }
}
