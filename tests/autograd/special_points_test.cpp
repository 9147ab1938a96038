// Derivatives at special points: what is not used (a zero cotangent, a zero tangent) stays without influence where slopes are
// infinite; where a derivative has a limit, that is what comes out.
#include <doctest/doctest.h>

#include <cmath>
#include <functional>
#include <limits>
#include <map>
#include <string>

#include "autograd/grad.h"
#include "autograd/ops/elementwise.h"
#include "autograd/ops/linalg.h"
#include "autograd/ops/nn_ops.h"
#include "autograd/ops/reduce.h"
#include "autograd/ops/shape_ops.h"
#include "autograd/registry.h"
#include "nn/losses.h"

using namespace gradus;

namespace {

constexpr real kInf = std::numeric_limits<real>::infinity();
const real kHuge = sizeof(real) == 8 ? real(1e200) : real(1e20);  // its square overflows

using Tensors = std::vector<Tensor>;
using Function = std::function<Tensor(const Tensors&)>;

// Every primitive of the two elementwise families, as it is called.
const std::map<std::string, std::pair<size_t, Function>>& elementwise_calls() {
  namespace g = gradus;
  const auto one = [](Tensor (*f)(const Tensor&)) {
    return std::pair<size_t, Function>{1, [f](const Tensors& x) { return f(x[0]); }};
  };
  const auto two = [](Tensor (*f)(const Tensor&, const Tensor&)) {
    return std::pair<size_t, Function>{2, [f](const Tensors& x) { return f(x[0], x[1]); }};
  };
  static const std::map<std::string, std::pair<size_t, Function>> calls{
      {"neg", one(g::neg)},
      {"reciprocal", one(g::reciprocal)},
      {"reciprocal_or_zero", one(g::reciprocal_or_zero)},
      {"exp", one(g::exp)},
      {"log", one(g::log)},
      {"log1p", one(g::log1p)},
      {"expm1", one(g::expm1)},
      {"sqrt", one(g::sqrt)},
      {"rsqrt", one(g::rsqrt)},
      {"square", one(g::square)},
      {"abs", one(g::abs)},
      {"sign", one(g::sign)},
      {"sin", one(g::sin)},
      {"cos", one(g::cos)},
      {"erf", one(g::erf)},
      {"tanh", one(g::tanh)},
      {"sigmoid", one(g::sigmoid)},
      {"softplus", one(g::softplus)},
      {"relu", one(g::relu)},
      {"leaky_relu", one([](const Tensor& x) { return g::leaky_relu(x); })},
      {"elu", one([](const Tensor& x) { return g::elu(x); })},
      {"silu", one(g::silu)},
      {"gelu", one(g::gelu)},
      {"gelu_tanh", one(g::gelu_tanh)},
      {"clamp", one([](const Tensor& x) { return g::clamp(x, -1, 1); })},
      {"pow_number", one([](const Tensor& x) { return g::pow(x, real(-1.5)); })},
      {"add", two(g::add)},
      {"sub", two(g::sub)},
      {"mul", two(g::mul)},
      {"mul_or_zero", two(g::mul_or_zero)},
      {"div", two(g::div)},
      {"pow", two(g::pow)},
      {"minimum", two(g::minimum)},
      {"maximum", two(g::maximum)},
      {"masked", two(g::masked)},
      {"where", two([](const Tensor& a, const Tensor& b) { return g::where(a, a, b); })},
      {"greater", two(g::greater)},
      {"greater_equal", two(g::greater_equal)},
      {"less", two(g::less)},
      {"less_equal", two(g::less_equal)},
      {"equal", two(g::equal)},
      {"add_number", one([](const Tensor& x) { return x + real(2); })},
      {"mul_number", one([](const Tensor& x) { return x * kInf; })},
      {"div_number", one([](const Tensor& x) { return x / real(0); })},
  };
  return calls;
}

// All of {special numbers}^arity, one tensor an argument.
Tensors special_arguments(size_t arity) {
  const std::vector<real> points{0,
                                 real(-0.0),
                                 1,
                                 -1,
                                 real(0.5),
                                 2,
                                 3,
                                 std::numeric_limits<real>::denorm_min(),
                                 kHuge,
                                 -kHuge,
                                 kInf,
                                 -kInf,
                                 std::numeric_limits<real>::max(),
                                 std::numeric_limits<real>::min()};
  const int64 n = static_cast<int64>(points.size()), all = arity == 1 ? n : n * n;
  Tensors out;
  for (size_t k = 0; k < arity; ++k) {
    Tensor t(Shape{all});
    for (int64 i = 0; i < all; ++i) t.mutable_data()[i] = points[static_cast<size_t>(k ? i / n : i % n)];
    out.push_back(t);
  }
  return out;
}

Tensors variables(const Tensors& x) {
  Tensors out;
  for (const Tensor& t : x) out.push_back(variable(t));
  return out;
}

void check_zero(const Tensor& t, const char* what) {
  if (!t.defined()) return;
  for (int64 i = 0; i < t.numel(); ++i) CHECK_MESSAGE(t.data()[i] == 0, what << " at " << i);
}

// f'(x) and f''(x), each by both paths.
void check_slopes(const Function& f, real x, double first, double second) {
  const Tensor v = variable(Tensor::scalar(x)), y = f({v});
  CAPTURE(x);
  CHECK(static_cast<double>(grad(y, {v}, {.retain_graph = true})[0].item()) == doctest::Approx(first));
  const Tensor slope = grad(y, {v}, {.create_graph = true})[0];
  CHECK(static_cast<double>(slope.item()) == doctest::Approx(first));
  if (node_of(slope)) {
    const Tensor curvature = grad(slope, {{v}}, {.allow_unused = true})[0];
    CHECK((curvature.defined() ? static_cast<double>(curvature.item()) : 0.0) == doctest::Approx(second));
  }
  const JvpScope scope;
  CHECK(static_cast<double>(scope.tangent(f({scope.dual(Tensor::scalar(x), Tensor::scalar(1))})).item()) ==
        doctest::Approx(first));
}

}  // namespace

TEST_CASE(
    "special points: zero cotangents and tangents give zero, at every order, for every elementwise "
    "primitive") {
  size_t met = 0;
  for (const PrimitiveEntry& e : primitives()) {
    if (!std::string(e.family).starts_with("elementwise")) continue;
    const std::string name = e.primitive->name;
    CAPTURE(name);
    REQUIRE(elementwise_calls().contains(name));
    ++met;
    const auto& [arity, f] = elementwise_calls().at(name);
    const Tensors at = special_arguments(arity);
    const Tensor none = Tensor::zeros(at[0].shape());
    {
      const Tensors x = variables(at);
      const Tensor y = f(x);
      if (!node_of(y)) continue;  // comparisons
      for (const Tensor& g : grad({&y, 1}, x, {&none, 1}, {.allow_unused = true})) check_zero(g, "gradient");
    }
    {
      const Tensors x = variables(at);
      const Tensor y = f(x);
      Tensor total = Tensor::scalar(0);
      for (const Tensor& g : grad({&y, 1}, x, {&none, 1}, {.create_graph = true, .allow_unused = true})) {
        check_zero(g, "recorded gradient");
        if (g.defined()) total = total + sum(g);
      }
      if (node_of(total))
        for (const Tensor& h : grad(total, x, {.allow_unused = true})) check_zero(h, "second derivative");
    }
    {
      const JvpScope outer;
      Tensors x;
      for (const Tensor& t : at) x.push_back(outer.dual(t, none));
      check_zero(outer.tangent(f(x)), "tangent");
      const JvpScope inner;
      Tensors twice;
      for (const Tensor& t : x) twice.push_back(inner.dual(t, none));
      check_zero(outer.tangent(inner.tangent(f(twice))), "second tangent");
    }
  }
  CHECK(met == elementwise_calls().size());
}

TEST_CASE("special points: derivatives that have a limit") {
  const auto of = [](const char* name) { return elementwise_calls().at(name).second; };
  for (const char* name : {"gelu", "gelu_tanh", "silu", "softplus", "relu", "elu"})
    for (const real x : {kHuge, kInf, std::numeric_limits<real>::max()}) {
      CAPTURE(name);
      check_slopes(of(name), x, 1, 0);
      check_slopes(of(name), -x, 0, 0);
    }
  for (const char* name : {"gelu", "gelu_tanh", "silu"}) {
    CHECK(of(name)({Tensor::scalar(-kInf)}).item() == 0);
    CHECK(of(name)({Tensor::scalar(-kHuge)}).item() == 0);
    CHECK(of(name)({Tensor::scalar(kInf)}).item() == kInf);
    CHECK(of(name)({Tensor::scalar(kHuge)}).item() == kHuge);
  }
  for (const char* name : {"tanh", "sigmoid", "erf"})
    for (const real x : {kHuge, kInf, -kHuge, -kInf}) {
      CAPTURE(name);
      check_slopes(of(name), x, 0, 0);
    }
  for (const char* name : {"reciprocal", "log", "log1p", "sqrt", "rsqrt"}) {
    CAPTURE(name);
    check_slopes(of(name), kInf, 0, 0);
  }
  check_slopes(of("exp"), -kInf, 0, 0);
  check_slopes(of("expm1"), -kInf, 0, 0);
  check_slopes(of("sqrt"), 0, 0, 0);
  for (const real p : {1, 2, 3})
    check_slopes([p](const Tensors& x) { return pow(x[0], p); }, 0, p == 1, p == 2 ? 2 : 0);
}

TEST_CASE("special points: a^b with a tensor b") {
  const auto slopes = [](real a, real b) {
    const Tensor x = variable(Tensor::scalar(a)), p = variable(Tensor::scalar(b));
    const Tensors g = grad(pow(x, p), {x, p});
    return std::pair{g[0].item(), g[1].item()};
  };
  CHECK(slopes(0, 0) == std::pair{real(0), real(0)});
  CHECK(slopes(0, 1) == std::pair{real(1), real(0)});
  CHECK(slopes(0, 2) == std::pair{real(0), real(0)});
  CHECK(slopes(2, 0).first == 0);
  CHECK(static_cast<double>(slopes(2, 0).second) == doctest::Approx(std::log(2.0)));
  CHECK(slopes(-2, 3).first == 12);
  // d2 a^b / da db = a^(b-1) (1 + b log a): 1/2 at a = 2, b = 0.
  const Tensor x = variable(Tensor::scalar(2)), p = variable(Tensor::scalar(0));
  const Tensor slope = grad(pow(x, p), {x}, {.create_graph = true})[0];
  CHECK(static_cast<double>(grad(slope, {p})[0].item()) == doctest::Approx(0.5));
  // As a sum over elements, each with its own exponent.
  const Tensor a = variable(Tensor::zeros({4})), b = Tensor::from({4}, {0, 1, 2, 3});
  CHECK(grad(sum(pow(a, b)), {a})[0].values() == std::vector<real>{0, 1, 0, 0});
}

TEST_CASE("special points: the branch that where() leaves out has no say") {
  const Tensor x = variable(Tensor::from({3}, {0, 4, -1}));
  const Tensor safe = greater(x, Tensor::scalar(0)), zero = Tensor::scalar(0);
  CHECK(grad(sum(where(safe, log(x), zero)), {x})[0].values() == std::vector<real>{0, real(0.25), 0});
  CHECK(grad(sum(where(safe, sqrt(x), zero)), {x})[0].values() == std::vector<real>{0, real(0.25), 0});
  CHECK(grad(sum(where(safe, 1 / x, zero)), {x})[0].values() == std::vector<real>{0, real(-0.0625), 0});
  CHECK(grad(sum(where(safe, x / x, zero)), {x})[0].values() == std::vector<real>{0, 0, 0});
  CHECK(grad(sum(where(safe, pow(x, real(0.25)), zero)), {x})[0].data()[0] == 0);
  CHECK(grad(sum(where(safe, rsqrt(x), zero)), {x})[0].values() == std::vector<real>{0, real(-0.0625), 0});
  // Rows that are -inf throughout, as masks make them.
  const Tensor rows = variable(Tensor::from({2, 2}, {-kInf, -kInf, 0, 0}));
  CHECK(grad(sum(logsumexp(rows, {1}) * Tensor::from({2}, {0, 1})), {rows})[0].values() ==
        std::vector<real>{0, 0, real(0.5), real(0.5)});
  const Tensor seen = Tensor::from({2, 1}, {0, 1});
  for (auto* f : {&softmax, &log_softmax})
    for (const bool recorded : {false, true}) {
      const Tensor y = sum(masked(f(rows, -1), seen) * Tensor::from({2}, {1, 0}));
      const Tensor g = grad(y, {rows}, {.create_graph = recorded})[0];
      CHECK(g.data()[0] == 0);
      CHECK(g.data()[1] == 0);
      CHECK(g.data()[2] == doctest::Approx(f == &softmax ? 0.25 : 0.5));
    }
  const Tensor one = Tensor::from({2}, {0, 1});
  CHECK(grad(sum(masked(cross_entropy(rows, IntTensor::from({2}, {0, 0}), Reduction::kNone), one)), {rows})[0]
            .values() == std::vector<real>{0, 0, real(-0.5), real(0.5)});
  // 0 log 0 is 0, also where the logarithm is of another distribution.
  CHECK(kl_loss(Tensor::from({1, 2}, {-kInf, 0}), Tensor::from({1, 2}, {0, 1})).item() == 0);
  CHECK(soft_cross_entropy(Tensor::from({1, 2}, {-kInf, 0}), Tensor::from({1, 2}, {0, 1})).item() == 0);
  CHECK(grad(norm(variable(Tensor::zeros({3}))), {variable(Tensor::zeros({3}))}, {.allow_unused = true})[0]
            .defined() == false);
  const Tensor origin = variable(Tensor::zeros({3}));
  CHECK(grad(norm(origin), {origin})[0].values() == std::vector<real>{0, 0, 0});
}

TEST_CASE(
    "special points: eigenvalues that repeat have derivatives, as long as no eigenvector is asked for") {
  const Tensor weights = Tensor::from({3, 3}, {5, 1, 2, 1, 7, 3, 2, 3, 11});
  for (const std::vector<real>& diagonal :
       {std::vector<real>{1, 1, 1}, std::vector<real>{1, 1, 3}, std::vector<real>{0, 0, 0}}) {
    Tensor m = Tensor::zeros({3, 3});
    for (int64 i = 0; i < 3; ++i) m.mutable_data()[4 * i] = diagonal[static_cast<size_t>(i)];
    const Tensor a = variable(m);
    const std::vector<real> identity{1, 0, 0, 0, 1, 0, 0, 0, 1};
    CHECK(grad(sum(eigh(a).values), {a})[0].values() == identity);
    CHECK(grad(sum(eigh(a).values), {a}, {.create_graph = true})[0].values() == identity);
    const JvpScope scope;
    CHECK(scope.tangent(sum(eigh(scope.dual(m, weights)).values)).item() ==
          doctest::Approx(23));  // the trace
  }
  // The one that stands alone, and its eigenvector: dw = dA_33, dv = (dA_13, dA_23, 0) / (3 - 1).
  Tensor m = Tensor::zeros({3, 3});
  m.mutable_data()[0] = m.mutable_data()[4] = 1;
  m.mutable_data()[8] = 3;
  const Tensor a = variable(m);
  const auto [values, vectors] = eigh(a);
  CHECK(grad(slice(values, 0, 2, 3), {a}, {.retain_graph = true})[0].values() ==
        std::vector<real>{0, 0, 0, 0, 0, 0, 0, 0, 1});
  const Tensor last = slice(vectors, 1, 2, 3);
  const Tensor g = grad(sum(last * Tensor::from({3, 1}, {1, 0, 0})), {a})[0];
  CHECK(g.values() == std::vector<real>{0, 0, real(0.25), 0, 0, 0, real(0.25), 0, 0});
}

TEST_CASE("numbers: a tensor over a number is a quotient") {
  for (int i = 1; i <= 2000; ++i) {
    const real n = static_cast<real>(i), over = Tensor::scalar(n).item();
    CHECK((Tensor::scalar(n) / n).item() == 1);
    CHECK((n / Tensor::scalar(n)).item() == 1);
    CHECK((Tensor::scalar(3) / over).item() == 3 / n);
    CHECK((3 / Tensor::scalar(n)).item() == 3 / n);
  }
  const real tiny = sizeof(real) == 8 ? real(1e-310) : real(1e-39);  // 1/tiny is infinite
  CHECK((Tensor::scalar(tiny) / tiny).item() == 1);
  CHECK((tiny / Tensor::scalar(tiny)).item() == 1);
  const Tensor x = variable(Tensor::from({2}, {41, 82}));
  CHECK(grad(sum(x / real(41)), {x})[0].values() == std::vector<real>{1 / real(41), 1 / real(41)});
  CHECK(grad(sum(1 / x), {x})[0].data()[0] == doctest::Approx(-1.0 / (41 * 41)));
  // Means of equal numbers are these numbers, and nothing is left of them without their mean.
  CHECK(mean(Tensor::full({41}, 41)).item() == 41);
  CHECK(mean(Tensor::full({3, 41}, 41), {1}).values() == std::vector<real>{41, 41, 41});
  CHECK(layer_norm(Tensor::full({1, 41}, 41), {}, {}, real(1e-5)).values() == std::vector<real>(41, 0));
  CHECK(var(Tensor::full({41}, 41)).item() == 0);
}
