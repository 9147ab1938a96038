// The engine under the functional layer: depth, freeing, pruning, misuse, and primitives from outside the library.
#include <doctest/doctest.h>

#include <cmath>
#include <memory>

#include "autograd/functional/functional.h"
#include "autograd/grad.h"
#include "autograd/ops/elementwise.h"
#include "autograd/ops/matmul.h"
#include "autograd/ops/nn_ops.h"
#include "autograd/ops/reduce.h"
#include "autograd/ops/shape_ops.h"
#include "core/rng.h"

using namespace gradus;

namespace {

// A primitive defined outside the library: x -> x^3.
const Primitive kCube{.name = "cube",
                      .forward =
                          [](const Ctx& c) {
                            Tensor y = c[0].clone();
                            for (real* v = y.mutable_data(); v != y.data() + y.numel(); ++v)
                              *v = *v * *v * *v;
                            return y;
                          },
                      .vjp = [](const Ctx& c, const Tensor& g) { return Grads{real(3) * c[0] * c[0] * g}; },
                      .jvp = [](const Ctx& c, int, const Tensor& t) { return real(3) * c[0] * c[0] * t; }};
Tensor cube(const Tensor& x) { return apply(kCube, {x}); }

}  // namespace

TEST_CASE("functional: a primitive defined outside the library works in every mode and order") {
  const Tensors x{Tensor::from({2}, {2, -1})}, one{Tensor::ones({2})};
  const Function f = [](std::span<const Tensor> xs) { return sum(cube(xs[0])); };
  CHECK(value_and_grad(f, x).grads[0].values() == std::vector<real>{12, 3});
  CHECK(jvp(f, x, one).tangent.item() == 15);
  CHECK(hvp(f, x, one).products[0].values() == std::vector<real>{12, -6});
  const Function third = [&](std::span<const Tensor> xs) {
    return sum(hvp(f, xs, one, {.create_graph = true}).products[0]);
  };
  CHECK(value_and_grad(third, x).grads[0].values() == std::vector<real>{6, 6});
}

TEST_CASE("functional: a chain of a million primitives is recorded, differentiated and freed") {
  const auto nodes = live_nodes();
  const auto storages = live_storages();
  {
    const Tensor x = variable(Tensor::scalar(2));
    Tensor y = x;
    for (int i = 0; i < 1000000; ++i) y = y + real(1);
    CHECK(live_nodes() == nodes + 1000001);
    CHECK(grad(y, {x})[0].item() == 1);
    CHECK(live_nodes() <= nodes + 2);
    Tensor dropped = x;
    for (int i = 0; i < 100000; ++i) dropped = dropped * real(1);
  }
  CHECK(live_nodes() == nodes);
  CHECK(live_storages() == storages);
}

TEST_CASE("functional: a thousand training steps leave nothing behind") {
  Rng rng(1);
  const Tensor x = rng.normal_tensor({4, 3}), y = rng.normal_tensor({4, 2});
  Tensors w{rng.normal_tensor({2, 3}), rng.normal_tensor({2})};
  const Function loss = [&](std::span<const Tensor> p) { return mse_loss(tanh(linear(x, p[0], p[1])), y); };
  const auto step = [&] {
    const Hvp at = hvp(loss, w, w);
    for (size_t i = 0; i < w.size(); ++i) w[i] = w[i] - real(0.1) * at.grads[i] - real(0.01) * at.products[i];
  };
  step();
  const auto nodes = live_nodes();
  const auto storages = live_storages();
  for (int k = 0; k < 1000; ++k) step();
  CHECK(live_nodes() == nodes);
  CHECK(live_storages() == storages);
}

TEST_CASE("functional: only what a backward pass ran through is freed") {
  const Tensor a = variable(Tensor::scalar(2)), b = variable(Tensor::scalar(3));
  const Tensor u = square(a), v = square(b);
  const Tensor y = u * v;
  CHECK(grad(y, {a})[0].item() == 36);
  CHECK(grad(v, {b})[0].item() == 6);         // not touched by the first call
  CHECK_THROWS_AS(grad(y, {b}), GraphError);  // y was
  CHECK_THROWS_AS(grad(square(u), {a}), GraphError);
  const Tensor w = variable(Tensor::scalar(5));  // newer than the freed u, which cannot depend on it
  CHECK(grad(u.detach() * w + u * w, {w})[0].item() == 8);
}

TEST_CASE("functional: gradients with respect to interior tensors, alone and together with leaves") {
  const Tensor a = variable(Tensor::scalar(2));
  const Tensor u = square(a), y = u * a;
  const auto both = grad(y, {u, a}, {.retain_graph = true});
  CHECK(both[0].item() == 2);
  CHECK(both[1].item() == 12);
  CHECK(grad(y, {u})[0].item() == 2);
  CHECK(grad(u, {a})[0].item() == 4);  // u's own call was not run by the pass that stopped at u
}

TEST_CASE("functional: a forward that hands its input through does not take over its graph") {
  static const Primitive kSame{.name = "same",
                               .forward = [](const Ctx& c) { return c[0]; },
                               .vjp = [](const Ctx&, const Tensor& g) { return Grads{g * real(2)}; },
                               .jvp = [](const Ctx&, int, const Tensor& t) { return t; },
                               .saves = kSaveNothing};
  const Tensor x = variable(Tensor::scalar(1));
  CHECK(grad(apply(kSame, {x}), {x})[0].item() == 2);
  const Recording off(false);
  CHECK(node_of(apply(kSame, {x})) == nullptr);
}

TEST_CASE("functional: jvp scopes may end in any order") {
  auto first = std::make_unique<JvpScope>();
  const JvpScope second;
  const Tensor y = second.dual(Tensor::scalar(3), Tensor::scalar(1));
  const Tensor stale = first->dual(Tensor::scalar(1), Tensor::scalar(1));
  first.reset();
  CHECK(second.tangent(square(y)).item() == 6);
  CHECK_THROWS_AS(square(stale), GraphError);
}

TEST_CASE("functional: labels and indices may be overwritten before the backward pass") {
  const Tensor x = variable(Tensor::from({2, 2}, {0, 0, 0, 0}));
  IntTensor labels = IntTensor::from({2}, {0, 1}), index = IntTensor::from({1}, {1});
  const Tensor loss = cross_entropy(x, labels, Reduction::kSum) + sum(index_select(x, 0, index));
  labels.mutable_data()[0] = 1;
  index.mutable_data()[0] = 0;
  CHECK(grad(loss, {x})[0].values() == std::vector<real>{real(-0.5), real(0.5), real(1.5), real(0.5)});
}

TEST_CASE("functional: misuse of jvp scopes is refused") {
  Tensor leaked;
  {
    const JvpScope scope;
    leaked = scope.dual(Tensor::scalar(1), Tensor::scalar(1));
    CHECK_THROWS_AS(scope.dual(leaked, Tensor::scalar(1)), GraphError);
  }
  CHECK_THROWS_AS(square(leaked), GraphError);
}
