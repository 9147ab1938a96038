// Samples of the elementwise primitives.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>

#include "autograd/ops/elementwise.h"
#include "tests/autograd/contract.h"

using namespace contract;

namespace {

using Generator = Tensor (*)(const Shape&, std::uint64_t);

const Shape kShapes[] = {{3, 4}, {}, {1}, {0, 3}, {257, 300}};

void add_unary(Samples& out, const char* name, Generator make, const std::function<Tensor(const Tensor&)>& f,
               const std::function<double(double)>& naive) {
  std::uint64_t seed = 1;
  for (const Shape& s : kShapes)
    out.push_back({name,
                   {make(s, ++seed)},
                   [f](const Tensors& x) { return f(x[0]); },
                   [naive](const Grids& x) {
                     std::vector<double> y;
                     for (double v : x[0].v) y.push_back(naive(v));
                     return y;
                   },
                   {}});
}

double gelu(double x) { return 0.5 * x * (1 + std::erf(x / std::sqrt(2.0))); }
double gelu_tanh(double x) {
  return 0.5 * x * (1 + std::tanh(std::sqrt(2 / std::acos(-1.0)) * (x + 0.044715 * x * x * x)));
}

Samples unary_samples() {
  namespace g = gradus;
  Samples s;
  add_unary(s, "neg", normal, g::neg, [](double x) { return -x; });
  add_unary(s, "reciprocal", away, g::reciprocal, [](double x) { return 1 / x; });
  add_unary(s, "reciprocal_or_zero", away, g::reciprocal_or_zero, [](double x) { return 1 / x; });
  add_unary(s, "exp", normal, g::exp, [](double x) { return std::exp(x); });
  add_unary(s, "log", positive, g::log, [](double x) { return std::log(x); });
  add_unary(s, "log1p", positive, g::log1p, [](double x) { return std::log1p(x); });
  add_unary(s, "expm1", normal, g::expm1, [](double x) { return std::expm1(x); });
  add_unary(s, "sqrt", positive, g::sqrt, [](double x) { return std::sqrt(x); });
  add_unary(s, "rsqrt", positive, g::rsqrt, [](double x) { return 1 / std::sqrt(x); });
  add_unary(s, "square", normal, g::square, [](double x) { return x * x; });
  add_unary(s, "abs", away, g::abs, [](double x) { return std::fabs(x); });
  add_unary(s, "sign", away, g::sign, [](double x) { return x > 0 ? 1.0 : -1.0; });
  add_unary(s, "sin", normal, g::sin, [](double x) { return std::sin(x); });
  add_unary(s, "cos", normal, g::cos, [](double x) { return std::cos(x); });
  add_unary(s, "erf", normal, g::erf, [](double x) { return std::erf(x); });
  add_unary(s, "tanh", normal, g::tanh, [](double x) { return std::tanh(x); });
  add_unary(s, "sigmoid", normal, g::sigmoid, [](double x) { return 1 / (1 + std::exp(-x)); });
  add_unary(s, "softplus", normal, g::softplus, [](double x) { return std::log1p(std::exp(x)); });
  add_unary(s, "relu", away, g::relu, [](double x) { return x > 0 ? x : 0; });
  add_unary(
      s, "leaky_relu", away, [](const Tensor& x) { return g::leaky_relu(x, real(0.25)); },
      [](double x) { return x > 0 ? x : 0.25 * x; });
  add_unary(
      s, "elu", away, [](const Tensor& x) { return g::elu(x, real(1.5)); },
      [](double x) { return x > 0 ? x : 1.5 * std::expm1(x); });
  add_unary(s, "silu", normal, g::silu, [](double x) { return x / (1 + std::exp(-x)); });
  add_unary(s, "gelu", normal, g::gelu, gelu);
  add_unary(s, "gelu_tanh", normal, g::gelu_tanh, gelu_tanh);
  add_unary(
      s, "clamp", away, [](const Tensor& x) { return g::clamp(x, real(-0.125), real(0.125)); },
      [](double x) { return std::clamp(x, -0.125, 0.125); });
  add_unary(
      s, "clamp", away, [](const Tensor& x) { return g::clamp(x, -2, 2); }, [](double x) { return x; });
  add_unary(
      s, "pow_number", positive, [](const Tensor& x) { return g::pow(x, real(1.75)); },
      [](double x) { return std::pow(x, 1.75); });
  add_unary(
      s, "pow_number", away, [](const Tensor& x) { return g::pow(x, real(3)); },
      [](double x) { return x * x * x; });
  add_unary(
      s, "add_number", normal, [](const Tensor& x) { return x + real(0.75); },
      [](double x) { return x + 0.75; });
  add_unary(
      s, "mul_number", normal, [](const Tensor& x) { return x * real(-1.5); },
      [](double x) { return x * -1.5; });
  add_unary(
      s, "div_number", normal, [](const Tensor& x) { return x / real(-1.5); },
      [](double x) { return x / -1.5; });
  return s;
}

using Binary = Tensor (*)(const Tensor&, const Tensor&);

// Equal shapes, scalars on either side, rows, columns, both stretched, inner axes of 1, empty, large.
const std::pair<Shape, Shape> kPairs[] = {
    {{3, 4}, {3, 4}}, {{3, 4}, {}},  {{}, {3, 4}},        {{3, 4}, {4}},          {{4}, {3, 4}},
    {{3, 1}, {3, 4}}, {{3, 1}, {4}}, {{2, 3, 4}, {3, 1}}, {{1, 3, 1}, {2, 1, 4}}, {{1}, {1}},
    {{0, 3}, {3}},    {{}, {}},      {{257, 300}, {300}}, {{257, 1}, {257, 300}}, {{2, 3, 1, 5}, {3, 4, 1}}};

void add_binary(Samples& out, const char* name, Generator make, Binary f,
                const std::function<double(double, double)>& naive, std::vector<int> constant = {}) {
  std::uint64_t seed = 100;
  for (const auto& [a, b] : kPairs)
    out.push_back({name,
                   {make(a, ++seed), make(b, ++seed)},
                   [f](const Tensors& x) { return f(x[0], x[1]); },
                   [naive](const Grids& x) {
                     return fill(broadcast(x[0].shape, x[1].shape, "naive"),
                                 [&](const Index& i) { return naive(x[0].spread(i), x[1].spread(i)); });
                   },
                   constant});
}

// Two draws that never come closer than the step of a central difference.
Tensor coarse(const Shape& shape, std::uint64_t seed) {
  Tensor t = normal(shape, seed);
  for (int64 i = 0; i < t.numel(); ++i) {
    real& v = t.mutable_data()[i];
    v = std::round(v * 8) / 8 + (seed % 2 ? real(1) / 16 : real(0));
  }
  return t;
}

Samples binary_samples() {
  namespace g = gradus;
  Samples s;
  add_binary(s, "add", normal, g::add, [](double a, double b) { return a + b; });
  add_binary(s, "sub", normal, g::sub, [](double a, double b) { return a - b; });
  add_binary(s, "mul", normal, g::mul, [](double a, double b) { return a * b; });
  add_binary(s, "mul_or_zero", normal, g::mul_or_zero, [](double a, double b) { return a * b; });
  add_binary(s, "div", away, g::div, [](double a, double b) { return a / b; });
  add_binary(s, "pow", positive, g::pow, [](double a, double b) { return std::pow(a, b); });
  add_binary(s, "minimum", coarse, g::minimum, [](double a, double b) { return std::min(a, b); });
  add_binary(s, "maximum", coarse, g::maximum, [](double a, double b) { return std::max(a, b); });
  add_binary(
      s, "masked", coarse, [](const Tensor& a, const Tensor& b) { return g::masked(a, g::relu(b)); },
      [](double a, double b) { return b > 0 ? a : 0; }, {1});
  add_binary(s, "greater", coarse, g::greater, [](double a, double b) { return a > b; });
  add_binary(s, "greater_equal", coarse, g::greater_equal, [](double a, double b) { return a >= b; });
  add_binary(s, "less", coarse, g::less, [](double a, double b) { return a < b; });
  add_binary(s, "less_equal", coarse, g::less_equal, [](double a, double b) { return a <= b; });
  add_binary(s, "equal", coarse, g::equal, [](double a, double b) { return a == b; });
  std::uint64_t seed = 500;
  for (const auto& [a, b] : kPairs) {
    const Shape mask = a.rank() > 1 ? Shape{a[-1]} : Shape{};
    s.push_back({"where",
                 {Rng(++seed).bernoulli_tensor(mask, 0.5), normal(a, ++seed), normal(b, ++seed)},
                 [](const Tensors& x) { return g::where(x[0], x[1], x[2]); },
                 [](const Grids& x) {
                   const Shape out = broadcast(broadcast(x[0].shape, x[1].shape, ""), x[2].shape, "");
                   return fill(out, [&](const Index& i) {
                     return x[0].spread(i) != 0 ? x[1].spread(i) : x[2].spread(i);
                   });
                 },
                 {0}});
  }
  return s;
}

// One input, but of the family of those with two.
bool with_a_number(const Sample& s) {
  return s.name == "add_number" || s.name == "mul_number" || s.name == "div_number";
}

}  // namespace

TEST_CASE("contract: elementwise primitives of one input") {
  Samples s = unary_samples();
  std::erase_if(s, with_a_number);
  check_family("elementwise, one input", s);
}

TEST_CASE("contract: elementwise primitives with broadcasting") {
  Samples s = binary_samples();
  for (const Sample& x : unary_samples())
    if (with_a_number(x)) s.push_back(x);
  check_family("elementwise, broadcasting", s);
}
