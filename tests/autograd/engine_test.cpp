// The engine itself: depth, memory, orders of derivative, and what misuse gets.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "autograd/dot.h"
#include "autograd/grad.h"
#include "autograd/grad_check.h"
#include "autograd/grad_ready.h"
#include "autograd/ops/elementwise.h"
#include "autograd/ops/linalg.h"
#include "autograd/ops/matmul.h"
#include "autograd/ops/nn_ops.h"
#include "autograd/ops/reduce.h"
#include "autograd/ops/shape_ops.h"
#include "tests/precision.h"

using namespace gradus;
using gradus::tests::kDouble;

namespace {

const std::string kLayer = "layer1", kFc = "fc", kHead = "head", kBody = "body";

template <class E, class F>
std::string message_of(const F& f) {
  try {
    f();
  } catch (const E& e) {
    return e.what();
  }
  return "nothing was thrown";
}
bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

real slope_at(Tensor (*f)(const Tensor&), real x) {
  const Tensor v = variable(Tensor::scalar(x));
  return grad(f(v), {v})[0].item();
}

}  // namespace

TEST_CASE("engine: a chain of a million primitives is built, differentiated and freed") {
  const int64 nodes = live_nodes(), storages = live_storages();
  {
    const Tensor x = variable(Tensor::scalar(1));
    Tensor y = x;
    for (int i = 0; i < 1000000; ++i) y = neg(y);
    CHECK(y.item() == 1);
    CHECK(live_nodes() >= nodes + 1000001);
    CHECK(grad(y, {x})[0].item() == 1);
    Tensor z = x;
    for (int i = 0; i < 300000; ++i) z = tanh(z);  // dropped without being differentiated
  }
  CHECK(live_nodes() == nodes);
  CHECK(live_storages() == storages);
}

TEST_CASE("engine: every mixture of modes frees what it built") {
  const int64 nodes = live_nodes(), storages = live_storages();
  {
    const Tensor x = variable(Tensor::from({2}, {real(0.5), real(-0.25)}));
    const auto f = [](const Tensor& t) { return sum(exp(tanh(t)) * sqrt(exp(t))); };
    grad(grad(f(x), {x}, {.create_graph = true})[0], std::initializer_list<Tensor>{x});
    const JvpScope outer;
    const JvpScope inner;
    const Tensor t = Tensor::ones({2});
    const Tensor y = f(inner.dual(outer.dual(x, t), t));
    const Tensor first = inner.tangent(y);
    grad(first, {x}, {.retain_graph = true});
    grad(outer.tangent(first), {x}, {.create_graph = true});
  }
  CHECK(live_nodes() == nodes);
  CHECK(live_storages() == storages);
}

TEST_CASE("engine: third derivatives of an MLP match differences of second derivatives") {
  Rng rng(7);
  const Tensor w1 = rng.normal_tensor({6, 3}), b1 = rng.normal_tensor({6}), w2 = rng.normal_tensor({1, 6});
  const Tensor x0 = rng.normal_tensor({1, 3}), v = rng.normal_tensor({1, 3});
  const auto f = [&](const Tensor& x) { return sum(linear(tanh(linear(x, w1, b1)), w2)); };
  const auto along = [&](const Tensor& y, const Tensor& x) {
    return sum(grad(y, {x}, {.create_graph = true})[0] * v);
  };
  const auto second = [&](double h) {
    const Tensor x = variable(x0.detach() + v * static_cast<real>(h));
    return static_cast<double>(along(along(f(x), x), x).item());
  };
  const Tensor x = variable(x0);
  const double third = along(along(along(f(x), x), x), x).item();
  const double h = kDouble ? 1e-4 : 1e-2, expected = (second(h) - second(-h)) / (2 * h);
  CHECK(std::abs(third - expected) <= (kDouble ? 1e-5 : 0.05) * (1 + std::abs(expected)));

  // The same number forward over forward over forward.
  const JvpScope a, b, c;
  const Tensor y = f(c.dual(b.dual(a.dual(x0, v), v), v));
  const double forward = a.tangent(b.tangent(c.tangent(y))).item();
  CHECK(std::abs(forward - third) <= (kDouble ? 1e-11 : 1e-3) * (1 + std::abs(third)));
}

TEST_CASE("engine: nested forward mode keeps its levels apart") {
  // d/dx [x * d/dy (x + y)] = 1, not 2: the inner derivative must not pick up the outer tangent.
  const Tensor one = Tensor::scalar(1);
  const JvpScope outer;
  const Tensor x = outer.dual(Tensor::scalar(3), one);
  Tensor inner_slope;
  {
    const JvpScope inner;
    inner_slope = inner.tangent(x + inner.dual(Tensor::scalar(5), one));
  }
  CHECK(inner_slope.item() == 1);
  CHECK(outer.tangent(x * inner_slope).item() == 1);
}

TEST_CASE("engine: conventions at kinks") {
  CHECK(slope_at(relu, 0) == 0);
  CHECK(slope_at(abs, 0) == 0);
  CHECK(slope_at(sqrt, 0) == 0);
  CHECK(slope_at(sign, 2) == 0);
  const Tensor zeros = variable(Tensor::zeros({3}));
  for (real v : grad(norm(zeros), {zeros})[0].values()) CHECK(v == 0);
  const Tensor tied = variable(Tensor::from({2, 3}, {1, 5, 5, 5, 0, 5}));
  CHECK(grad(max(tied), {tied})[0].values() == std::vector<real>{0, 1, 0, 0, 0, 0});
  CHECK(grad(sum(max(tied, {1})), {tied})[0].values() == std::vector<real>{0, 1, 0, 1, 0, 0});
  CHECK(grad(sum(min(neg(tied), {0})), {tied})[0].values() == std::vector<real>{0, -1, -1, -1, 0, 0});
  const Tensor a = variable(Tensor::scalar(2)), b = variable(Tensor::scalar(2));
  const auto both = grad(maximum(a, b), {a, b});
  CHECK(both[0].item() == 1);
  CHECK(both[1].item() == 0);
  // Second derivatives at the same points stay finite.
  const Tensor z = variable(Tensor::scalar(0));
  const Tensor g = grad(sqrt(z) + norm(z) + abs(z), {z}, {.create_graph = true})[0];
  CHECK(grad(g * g + z, {z})[0].item() == 1);
  // NaN passes through relu: a diverged run must show.
  CHECK(std::isnan(relu(Tensor::scalar(std::numeric_limits<real>::quiet_NaN())).item()));
  CHECK(grad(pow(a, real(0)), {a})[0].item() == 0);
}

TEST_CASE("engine: misuse gets a GraphError that names the operation") {
  const Tensor x = variable(Tensor::from({2}, {1, 2}));
  const Tensor w = variable(Tensor::from({2}, {3, 4}));
  {
    const Tensor y = sum(x * x);
    grad(y, {x});
    CHECK(contains(message_of<GraphError>([&] { grad(y, {x}); }), "freed"));
  }
  {
    Tensor changed = w.detach();
    const Tensor y = sum(x * w);
    changed.mutable_data()[0] = 7;
    const std::string what = message_of<GraphError>([&] { grad(y, {x}); });
    CHECK(contains(what, "mul"));
    CHECK(contains(what, "in place"));
  }
  CHECK(contains(message_of<GraphError>([&] { grad(sum(x), {w}); }), "does not depend on input 0"));
  CHECK_FALSE(grad(sum(x), {w}, {.allow_unused = true})[0].defined());
  CHECK(contains(message_of<GraphError>([&] { grad(sum(x), {Tensor::ones({2})}); }), "variable()"));
  CHECK_THROWS_AS(grad(Tensor::ones({2}), {x}), GraphError);
  {
    Tensor stale;
    {
      const JvpScope scope;
      stale = scope.dual(Tensor::scalar(1), Tensor::scalar(1)) * real(2);
    }
    CHECK(contains(message_of<GraphError>([&] { exp(stale); }), "exp"));
  }
  CHECK(contains(message_of<GraphError>([&] { add(x, Tensor()); }), "add"));
  const Tensor m = variable(Tensor::from({2, 2}, {2, 1, 0, 1}));
  CHECK(contains(message_of<GraphError>([&] { grad(sum(svd(m).s), {m}); }), "svd"));
  CHECK(contains(message_of<GraphError>([&] { grad(sum(qr(m).r), {m}); }), "qr"));
}

TEST_CASE("engine: shape errors name the operation and both shapes") {
  const Tensor a = Tensor::ones({2, 3}), b = Tensor::ones({4, 5});
  const std::string add_error = message_of<ShapeError>([&] { add(a, b); });
  CHECK(contains(add_error, "add"));
  CHECK(contains(add_error, "(2, 3)"));
  CHECK(contains(add_error, "(4, 5)"));
  const std::string matmul_error = message_of<ShapeError>([&] {
    const ModuleScope outer(kLayer), inner(kFc);
    matmul(a, b);
  });
  CHECK(contains(matmul_error, "matmul"));
  CHECK(contains(matmul_error, "layer1.fc"));
  CHECK_THROWS_AS(concat(std::vector<Tensor>{a, b}, 0), ShapeError);
  CHECK_THROWS_AS(slice(a, 1, 2, 4), ShapeError);
  CHECK_THROWS_AS(index_select(a, 0, IntTensor::from({1}, {2})), ShapeError);
  CHECK_THROWS_AS(max(Tensor::ones({0, 3}), {0}), ShapeError);
  CHECK_THROWS_AS(permute(a, {0, 0}), ShapeError);
  CHECK_THROWS_AS(permute(a, {0}), ShapeError);
}

TEST_CASE("engine: NaN tracing names the primitive and the module, forward and backward") {
  const TraceNonFinite trace;
  const Tensor x = variable(Tensor::from({2}, {1, 0}));
  const std::string forward = message_of<NumericError>([&] {
    const ModuleScope scope(kHead);
    log(x - real(1));
  });
  CHECK(contains(forward, "log"));
  CHECK(contains(forward, "head"));
  Tensor y;
  {
    const ModuleScope scope(kBody);
    y = sum(pow(x, real(0.75)));  // slope infinite at 0
  }
  const std::string backward = message_of<NumericError>([&] { grad(y, {x}); });
  CHECK(contains(backward, "pow_number"));
  CHECK(contains(backward, "gradient"));
  CHECK(contains(backward, "body"));
}

TEST_CASE("engine: the graph as DOT") {
  const Tensor x = variable(Tensor::ones({2, 3})), w = variable(Tensor::ones({3, 1}));
  const Tensor y = sum(matmul(x, w));
  const NamedTensor names[] = {{"x", x}, {"weight \"w\"", w}};
  CHECK(graph_dot({&y, 1}, names) ==
        "digraph gradus {\n  rankdir=TB;\n"
        "  n0 [label=\"leaf\\nx\", shape=ellipse];\n"
        "  n1 [label=\"leaf\\nweight \\\"w\\\"\", shape=ellipse];\n"
        "  n2 [label=\"matmul\", shape=box];\n"
        "  n3 [label=\"sum\", shape=box];\n"
        "  y0 [label=\"output 0\", shape=plaintext];\n"
        "  n0 -> n2 [label=\"(2, 3)\"];\n"
        "  n1 -> n2 [label=\"(3, 1)\"];\n"
        "  n2 -> n3 [label=\"(2, 1)\"];\n"
        "  n3 -> y0 [label=\"()\"];\n}\n");
}

TEST_CASE("engine: grad_check finds a wrong rule and clears a right one") {
  // y = x^3 with a gradient that forgets the factor 3.
  static const Primitive kWrongCube{
      .name = "wrong_cube",
      .forward = [](const Ctx& c) { return pow(c[0].detach(), real(3)); },
      .vjp = [](const Ctx& c, const Tensor& g) { return Grads{g * square(c[0])}; },
      .jvp = [](const Ctx& c, int, const Tensor& t) { return t * square(c[0]); }};
  Rng rng(1);
  const Parameters params{make_parameter("a", ParamKind::kWeight, rng.uniform_tensor({2, 2}, 1, 2)),
                          make_parameter("b", ParamKind::kWeight, rng.uniform_tensor({3}, 1, 2))};
  const std::vector<real> before = params[0]->value.values();
  const GradCheck right =
      grad_check([&] { return sum(pow(params[0]->value, real(3))) + sum(exp(params[1]->value)); }, params);
  CHECK(right.worst() < (kDouble ? 1e-8 : 1e-2));
  CHECK(params[0]->value.values() == before);
  const GradCheck wrong = grad_check(
      [&] { return sum(apply(kWrongCube, {params[0]->value})) + sum(exp(params[1]->value)); }, params);
  CHECK(wrong.worst() > 0.6);
  CHECK(wrong.entries.front().parameter == "a");
  CHECK(wrong.entries.back().parameter == "b");
  CHECK(wrong.entries.back().error < (kDouble ? 1e-8 : 1e-2));
}

TEST_CASE("engine: gradients are handed out as soon as nothing can be added to them") {
  // y = sum(a*b) + sum(b*c): b is whole when both products are done, c before a, for its product is the newer one.
  const Tensor a = variable(Tensor::full({2}, 2)), b = variable(Tensor::full({2}, 3)),
               c = variable(Tensor::full({2}, 5)), unused = variable(Tensor::full({2}, 7));
  const Recording on(true);
  const Tensor older = sum(a * b), newer = sum(b * c), y = older + newer;
  std::vector<size_t> order;
  std::vector<double> first(4, -1);
  const std::vector<Tensor> grads = grad_as_ready(y, std::vector{a, b, c, unused}, 0.5,
                                                  {.allow_unused = true}, [&](size_t i, const Tensor& g) {
                                                    order.push_back(i);
                                                    if (g.defined())
                                                      first[i] = static_cast<double>(g.data()[0]);
                                                  });
  CHECK(order.front() == 3);  // nothing comes to it at all
  CHECK(std::find(order.begin(), order.end(), 2) < std::find(order.begin(), order.end(), 0));
  CHECK(order.size() == 4);
  CHECK(first == std::vector<double>{1.5, 3.5, 1.5, -1});  // 0.5 b, 0.5 (a + c), 0.5 b
  CHECK(grads[1].data()[0] == real(3.5));
  CHECK_FALSE(grads[3].defined());
}
