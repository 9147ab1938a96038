#include "optim/problems/field_equations.h"

#include <cmath>
#include <complex>
#include <numbers>

#include "autograd/grad.h"
#include "autograd/graph.h"
#include "autograd/ops/elementwise.h"
#include "autograd/ops/reduce.h"
#include "autograd/ops/shape_ops.h"
#include "core/error.h"

namespace gradus {
namespace {

constexpr double kPi = std::numbers::pi;

struct FieldDerivatives {
  Tensor u, u_x, u_t, u_xx;  // (N,1)
};

Tensor field_column(const Tensor& x, int64 j) { return slice(x, 1, j, j + 1); }

// Of channel c of the values.
FieldDerivatives field_derivatives(const Tensor& points, const Tensor& values, int64 c) {
  FieldDerivatives d;
  d.u = field_column(values, c);
  const GradOptions again{.create_graph = true};
  const Tensor first = grad(sum(d.u), {points}, again)[0];  // (N,2): rows do not influence each other
  d.u_x = field_column(first, 0);
  d.u_t = field_column(first, 1);
  d.u_xx = field_column(grad(sum(d.u_x), {points}, again)[0], 0);
  return d;
}

double burgers_solution(double nu, double x, double t) {
  if (t <= 0) return -std::sin(kPi * x);
  if (std::abs(x) == 1) return 0;  // odd, and of period 2
  // y = x - z*s. f is at most exp(1/(pi nu)) times what it is at z = 0, so beyond `last` nothing counts.
  const double s = std::sqrt(4 * nu * t), last = std::sqrt(1 / (kPi * nu) + 40), step = 0.04;
  const auto nodes = static_cast<int64>(std::ceil(last / step));
  const auto exponent = [&](double z) { return -std::cos(kPi * (x - z * s)) / (2 * kPi * nu) - z * z; };
  double top = exponent(0);
  for (int64 k = -nodes; k <= nodes; ++k) top = std::max(top, exponent(step * static_cast<double>(k)));
  double above = 0, below = 0;
  for (int64 k = -nodes; k <= nodes; ++k) {
    const double z = step * static_cast<double>(k), weight = std::exp(exponent(z) - top);
    above += std::sin(kPi * (x - z * s)) * weight;
    below += weight;
  }
  return -above / below;
}

std::vector<double> two_soliton(double x, double t) {
  using namespace std::complex_literals;
  const std::complex<double> h = 4.0 * std::exp(0.5i * t) *
                                 (std::cosh(3 * x) + 3.0 * std::exp(4i * t) * std::cosh(x)) /
                                 (std::cosh(4 * x) + 4 * std::cosh(2 * x) + 3 * std::cos(4 * t));
  return {h.real(), h.imag()};
}

// One number in each of n equal slices of [low, high], in random order.
std::vector<double> one_a_slice(double low, double high, int64 n, Rng& rng) {
  if (n < 1) fail<UsageError>("points of a field equation: needs at least 1, not {}", n);
  std::vector<double> values;
  for (const int64 i : rng.permutation(n))
    values.push_back(low + (high - low) * (static_cast<double>(i) + rng.uniform()) / static_cast<double>(n));
  return values;
}

Tensor points_of(const std::vector<double>& x, const std::vector<double>& t) {
  Tensor points({std::ssize(x), 2});
  real* to = points.mutable_data();
  for (size_t i = 0; i < x.size(); ++i) {
    to[2 * i] = static_cast<real>(x[i]);
    to[2 * i + 1] = static_cast<real>(t[i]);
  }
  return points;
}

}  // namespace

FieldEquation burgers_equation(double nu) {
  if (!(nu > 0)) fail<UsageError>("Burgers' equation: nu must be positive, not {}", nu);
  const auto residual = [nu](const Tensor& points, const Tensor& values) {
    const FieldDerivatives d = field_derivatives(points, values, 0);
    return d.u_t + d.u * d.u_x - d.u_xx * static_cast<real>(nu);
  };
  const auto solution = [nu](double x, double t) { return std::vector<double>{burgers_solution(nu, x, t)}; };
  return {"burgers", -1, 1, 1, 1, residual, solution};
}

FieldEquation schroedinger_equation() {
  const auto residual = [](const Tensor& points, const Tensor& values) {
    const FieldDerivatives u = field_derivatives(points, values, 0), v = field_derivatives(points, values, 1);
    const Tensor density = square(u.u) + square(v.u);
    const Tensor parts[] = {u.u_xx * real(0.5) - v.u_t + density * u.u,
                            v.u_xx * real(0.5) + u.u_t + density * v.u};
    return concat(parts, 1);
  };
  return {"schroedinger", -5, 5, kPi / 2, 2, residual, two_soliton};
}

Tensor interior_points(const FieldEquation& equation, int64 n, Rng& rng) {
  const std::vector<double> x = one_a_slice(equation.x_low, equation.x_high, n, rng);
  return points_of(x, one_a_slice(0, equation.t_high, n, rng));
}

Tensor initial_points(const FieldEquation& equation, int64 n, Rng& rng) {
  const std::vector<double> x = one_a_slice(equation.x_low, equation.x_high, n, rng);
  return points_of(x, std::vector<double>(x.size()));
}

Tensor boundary_points(const FieldEquation& equation, int64 n, Rng& rng) {
  const std::vector<double> t = one_a_slice(0, equation.t_high, n, rng);
  std::vector<double> x;
  for (size_t i = 0; i < t.size(); ++i) x.push_back(i % 2 ? equation.x_high : equation.x_low);
  return points_of(x, t);
}

Tensor residual_loss(const FieldEquation& equation, const Field& field, const Tensor& points) {
  const Tensor inputs = variable(points.detach());
  return mean(square(equation.residual(inputs, field(inputs))));
}

Tensor value_loss(const FieldEquation& equation, const Field& field, const Tensor& points) {
  Tensor target({points.dim(0), equation.channels});
  real* to = target.mutable_data();
  for (int64 i = 0; i < points.dim(0); ++i)
    for (const double value : equation.solution(static_cast<double>(points.data()[2 * i]),
                                                static_cast<double>(points.data()[2 * i + 1])))
      *to++ = static_cast<real>(value);
  return mean(square(field(points) - target));
}

Tensor grid_points(const FieldEquation& equation, int64 nx, int64 nt) {
  if (nx < 2 || nt < 2) fail<UsageError>("a grid of {} by {} points: needs two each way", nx, nt);
  std::vector<double> x, t;
  for (int64 i = 0; i < nx; ++i)
    for (int64 j = 0; j < nt; ++j) {
      x.push_back(equation.x_low +
                  (equation.x_high - equation.x_low) * static_cast<double>(i) / static_cast<double>(nx - 1));
      t.push_back(equation.t_high * static_cast<double>(j) / static_cast<double>(nt - 1));
    }
  return points_of(x, t);
}

}  // namespace gradus
