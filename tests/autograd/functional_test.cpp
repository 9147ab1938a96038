// Functional layer: gradients, vjp, jvp, hvp, Gauss-Newton, Jacobians, and their nesting.
#include "autograd/functional/functional.h"

#include <doctest/doctest.h>

#include <cmath>

#include "autograd/functional/flat.h"
#include "autograd/grad.h"
#include "autograd/ops/elementwise.h"
#include "autograd/ops/matmul.h"
#include "autograd/ops/nn_ops.h"
#include "autograd/ops/reduce.h"
#include "autograd/ops/shape_ops.h"
#include "core/allocator.h"
#include "core/rng.h"
#include "tests/precision.h"

using namespace gradus;
using gradus::tests::kDouble;

namespace {

const double kTight = kDouble ? 1e-11 : 2e-5;

double distance(const Tensor& a, const Tensor& b) {
  REQUIRE(a.shape() == b.shape());
  double most = 0;
  for (int64 i = 0; i < a.numel(); ++i)
    most = std::max(most, std::abs(static_cast<double>(a.data()[i]) - static_cast<double>(b.data()[i])));
  return most;
}

// A smooth scalar function of a matrix and a vector with a dense Hessian.
Tensor smooth(std::span<const Tensor> xs) {
  const Tensor h = tanh(linear(square(xs[0]), xs[0], xs[1]));
  return sum(h * exp(xs[1])) + sum(sin(xs[0])) * sum(xs[1]);
}
Tensors smooth_point() {
  Rng rng(7);
  return {rng.normal_tensor({3, 3}, 0, real(0.5)), rng.normal_tensor({3}, 0, real(0.5))};
}

struct Deep {
  Tensors weights;
  Tensor x;
  Deep(int layers, int64 width, int64 batch) {
    Rng rng(3);
    for (int i = 0; i < layers; ++i)
      weights.push_back(rng.normal_tensor({width, width}, 0, real(1 / std::sqrt(double(width)))));
    x = rng.normal_tensor({batch, width});
  }
  Tensor operator()(std::span<const Tensor> xs) const {
    Tensor h = xs[0];
    for (const Tensor& w : weights) h = tanh(linear(h, w));
    return h;
  }
};

}  // namespace

TEST_CASE("functional: value_and_grad of a known function") {
  const Tensor x = Tensor::from({3}, {1, -2, 3});
  const auto [value, grads] =
      value_and_grad([](std::span<const Tensor> xs) { return sum(xs[0] * xs[0] * xs[0]); }, {&x, 1});
  CHECK(value.item() == doctest::Approx(20));
  CHECK(grads[0].values() == std::vector<real>{3, 12, 27});
  CHECK(node_of(value) == nullptr);
  CHECK(node_of(grads[0]) == nullptr);
}

TEST_CASE("functional: a captured graph is a constant and survives") {
  const Tensor w = variable(Tensor::scalar(3));
  const Tensor captured = square(w);  // its graph must not be freed by the inner derivative
  const Tensor x = Tensor::scalar(2);
  const auto inner =
      value_and_grad([&](std::span<const Tensor> xs) { return captured * square(xs[0]); }, {&x, 1});
  CHECK(inner.grads[0].item() == doctest::Approx(36));
  CHECK(grad(captured, {w})[0].item() == doctest::Approx(6));
}

TEST_CASE("functional: with respect to the argument only, though f also captures it") {
  const Tensor x = variable(Tensor::scalar(5));
  const auto r = value_and_grad([&](std::span<const Tensor> xs) { return x * xs[0]; }, {&x, 1});
  CHECK(r.grads[0].item() == 5);
}

TEST_CASE("functional: unused arguments") {
  const Tensors xs{Tensor::scalar(1), Tensor::from({2}, {1, 2})};
  const Function f = [](std::span<const Tensor> a) { return square(a[0]); };
  CHECK_THROWS_AS(value_and_grad(f, xs), GraphError);
  CHECK(value_and_grad(f, xs, {.allow_unused = true}).grads[1].values() == std::vector<real>{0, 0});
  const Function constant = [](std::span<const Tensor>) { return Tensor::scalar(1); };
  CHECK_THROWS_AS(value_and_grad(constant, xs), GraphError);
  CHECK(value_and_grad(constant, xs, {.allow_unused = true}).grads[0].item() == 0);
  const Tensors ts{Tensor::scalar(1), Tensor()};
  CHECK(jvp(constant, xs, ts).tangent.item() == 0);
}

TEST_CASE("functional: errors name what does not fit") {
  const Tensors xs = smooth_point();
  const Function identity = [](std::span<const Tensor> a) { return a[0] * real(2); };
  CHECK_THROWS_AS(value_and_grad(identity, xs), ShapeError);
  CHECK_THROWS_AS(vjp(identity, {xs.data(), 1}, Tensor::zeros({2})), ShapeError);
  CHECK_THROWS_AS(jvp(identity, xs, {xs.data(), 1}), ShapeError);
  const Tensor wrong = Tensor::zeros({2});
  CHECK_THROWS_AS(jvp(identity, {xs.data(), 1}, {&wrong, 1}), ShapeError);
}

TEST_CASE("functional: vjp and jvp are adjoint and agree with the Jacobian") {
  const Tensors xs = smooth_point();
  Rng rng(1);
  const Function f = [](std::span<const Tensor> a) { return tanh(linear(a[0], a[0], a[1])); };
  const Tensors ts{rng.normal_tensor({3, 3}), rng.normal_tensor({3})};
  const Tensor u = rng.normal_tensor({3, 3});
  const Tensor jt = jvp(f, xs, ts).tangent;
  const Tensors ju = vjp(f, xs, u).grads;
  const Tensor us[] = {u}, jts[] = {jt};
  CHECK(inner(us, jts) == doctest::Approx(inner(ju, ts)).epsilon(kTight));

  for (const JacobianMode mode : {JacobianMode::kForward, JacobianMode::kReverse, JacobianMode::kCheapest}) {
    const Tensors j = jacobian(f, xs, mode);
    REQUIRE(j[0].shape() == Shape{3, 3, 3, 3});
    REQUIRE(j[1].shape() == Shape{3, 3, 3});
    const Tensor by_matrix =
        linear(ts[0].view({1, 9}), j[0].view({9, 9})) + linear(ts[1].view({1, 3}), j[1].view({9, 3}));
    CHECK(distance(by_matrix.view({3, 3}), jt) < kTight);
  }
}

TEST_CASE("functional: hvp agrees with reverse over reverse and with the explicit Hessian") {
  const Tensors xs = smooth_point();
  Rng rng(2);
  const Tensors vs{rng.normal_tensor({3, 3}), rng.normal_tensor({3})};
  const Hvp forward = hvp(smooth, xs, vs);
  const auto reference = value_and_grad(smooth, xs);
  CHECK(forward.value.item() == doctest::Approx(reference.value.item()));
  CHECK(distance(forward.grads[0], reference.grads[0]) < kTight);

  // gradient of <gradient, v>
  const auto reverse = value_and_grad(
      [&](std::span<const Tensor> at) {
        const auto g = value_and_grad(smooth, at, {.create_graph = true}).grads;
        return sum(g[0] * vs[0]) + sum(g[1] * vs[1]);
      },
      xs);
  CHECK(distance(forward.products[0], reverse.grads[0]) < 10 * kTight);
  CHECK(distance(forward.products[1], reverse.grads[1]) < 10 * kTight);

  // gradient of the directional derivative: reverse over forward
  const auto over_forward = value_and_grad(
      [&](std::span<const Tensor> at) { return jvp(smooth, at, vs, {.create_graph = true}).tangent; }, xs);
  CHECK(distance(forward.products[0], over_forward.grads[0]) < 10 * kTight);

  // forward over forward: v' H v
  const Tensor vhv =
      jvp([&](std::span<const Tensor> at) { return jvp(smooth, at, vs).tangent; }, xs, vs).tangent;
  CHECK(vhv.item() == doctest::Approx(inner(vs, forward.products)).epsilon(10 * kTight));

  const Tensor h = hessian(smooth, xs);
  REQUIRE(h.shape() == Shape{12, 12});
  CHECK(distance(linear(flatten_all(vs).view({1, 12}), h).view({12}), flatten_all(forward.products)) <
        10 * kTight);
  CHECK(distance(h, transpose(h)) < 10 * kTight);
}

TEST_CASE("functional: an unrecorded level inside does not cut derivatives of other levels") {
  // hvp of a function that is itself a gradient of a directional derivative.
  const Tensors xs = smooth_point();
  Rng rng(4);
  const Tensors vs{rng.normal_tensor({3, 3}), rng.normal_tensor({3})};
  const Function energy = [&](std::span<const Tensor> at) {
    return square(jvp(smooth, at, vs, {.create_graph = true}).tangent);
  };
  const Tensor by_hvp = flatten_all(hvp(energy, xs, vs).products);
  const Tensor by_reverse = flatten_all(value_and_grad(
                                            [&](std::span<const Tensor> at) {
                                              const auto g =
                                                  value_and_grad(energy, at, {.create_graph = true}).grads;
                                              return sum(g[0] * vs[0]) + sum(g[1] * vs[1]);
                                            },
                                            xs)
                                            .grads);
  CHECK(distance(by_hvp, by_reverse) < (kDouble ? 1e-9 : 5e-3));
}

TEST_CASE("functional: third derivatives of an MLP are differences of second derivatives") {
  if (!kDouble) return;
  Rng rng(11);
  const Tensor x = rng.normal_tensor({5, 3}), y = rng.normal_tensor({5, 2});
  const Tensors params{rng.normal_tensor({4, 3}), rng.normal_tensor({4}), rng.normal_tensor({2, 4}),
                       rng.normal_tensor({2})};
  const Function loss = [&](std::span<const Tensor> p) {
    return mse_loss(linear(tanh(linear(x, p[0], p[1])), p[2], p[3]), y);
  };
  Tensors u, v, w;
  for (const Tensor& p : params) {
    u.push_back(rng.normal_tensor(p.shape()));
    v.push_back(rng.normal_tensor(p.shape()));
    w.push_back(rng.normal_tensor(p.shape()));
  }
  // d^3 L [v, w, .] by reverse over hvp, and the same contracted with u by jvp of the hvp.
  const auto third = [&](std::span<const Tensor> p) {
    const Tensors hv = hvp(loss, p, v, {.create_graph = true}).products;
    Tensor s = Tensor::scalar(0);
    for (size_t i = 0; i < hv.size(); ++i) s = s + sum(hv[i] * w[i]);
    return s;
  };
  const Tensors t = value_and_grad(third, params).grads;
  const double by_forward = jvp(third, params, u).tangent.item();
  const double h = 1e-5;
  const auto moved = [&](double step) {
    Tensors at;
    for (size_t i = 0; i < params.size(); ++i) at.push_back(params[i] + static_cast<real>(step) * u[i]);
    return inner(hvp(loss, at, v).products, w);
  };
  const double difference = (moved(h) - moved(-h)) / (2 * h);
  CHECK(inner(t, u) == doctest::Approx(difference).epsilon(1e-6));
  CHECK(by_forward == doctest::Approx(difference).epsilon(1e-6));
  CHECK(std::abs(difference) > 1e-2);
}

TEST_CASE("functional: jvp stores nothing, whatever the depth") {
  const int64 width = 64, batch = 128;
  const Deep net(32, width, batch);
  const Tensors xs{net.x};
  const Tensors ts{Rng(5).normal_tensor(net.x.shape())};
  const Jvp warm = jvp(net, xs, ts);
  const auto before = allocator_stats().bytes_in_use;
  reset_peak_memory();
  const Jvp again = jvp(net, xs, ts);
  const auto peak = allocator_stats().peak_bytes_in_use - before;
  // A layer's activations: its product and its tanh, each with a tangent.
  const std::size_t layer = 4 * static_cast<std::size_t>(width * batch) * sizeof(real);
  CHECK(peak <= 3 * layer);
  CHECK(distance(warm.tangent, again.tangent) == 0);
  const double h = kDouble ? 1e-6 : 1e-2;
  const Tensor up[] = {xs[0] + static_cast<real>(h) * ts[0]}, down[] = {xs[0] - static_cast<real>(h) * ts[0]};
  CHECK(distance((net(up) - net(down)) * static_cast<real>(0.5 / h), again.tangent) <
        (kDouble ? 1e-8 : 2e-3));
}

TEST_CASE("functional: Gauss-Newton product is J' H J v") {
  Rng rng(9);
  const Tensor x = rng.normal_tensor({6, 3});
  const IntTensor labels = IntTensor::from({6}, {0, 1, 2, 3, 1, 0});
  const Tensors params{rng.normal_tensor({5, 3}), rng.normal_tensor({4, 5})};
  const Function outputs = [&](std::span<const Tensor> p) { return linear(tanh(linear(x, p[0])), p[1]); };
  const auto loss = [&](const Tensor& z) { return cross_entropy(z, labels); };
  const Tensors v{rng.normal_tensor({5, 3}), rng.normal_tensor({4, 5})};
  const GgnVp product = ggn_vp(outputs, loss, params, v);

  const Tensors jac = jacobian(outputs, params);
  const Tensor z[] = {outputs(params)};
  const Tensor h = hessian([&](std::span<const Tensor> zs) { return loss(zs[0]); }, z);
  const Tensor j0 = jac[0].view({24, 15}), j1 = jac[1].view({24, 20});
  const Tensor jv = matmul(j0, v[0].view({15, 1})) + matmul(j1, v[1].view({20, 1}));
  const Tensor hjv = matmul(h, jv);
  CHECK(product.value.item() == doctest::Approx(loss(z[0]).item()));
  CHECK(distance(matmul(j0, hjv, true).view({5, 3}), product.products[0]) < kTight);
  CHECK(distance(matmul(j1, hjv, true).view({4, 5}), product.products[1]) < kTight);
  CHECK(inner(v, product.products) > 0);
}

TEST_CASE("functional: straight-through takes one value and the other's derivative") {
  const Tensor x = Tensor::from({3}, {real(0.2), real(1.7), real(-0.6)});
  const Tensor rounded = Tensor::from({3}, {0, 2, -1});
  const Function f = [&](std::span<const Tensor> xs) {
    return sum(square(straight_through(rounded, xs[0] * real(3))));
  };
  const auto r = value_and_grad(f, {&x, 1});
  CHECK(r.value.item() == 5);
  CHECK(r.grads[0].values() == std::vector<real>{0, 12, -6});
  const Tensor t = Tensor::ones({3});
  CHECK(jvp(f, {&x, 1}, {&t, 1}).tangent.item() == 6);
  CHECK_THROWS_AS(straight_through(x, Tensor::zeros({2})), ShapeError);
}
