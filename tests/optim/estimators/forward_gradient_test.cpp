// Forward gradients: the card's figures, moments of the estimate, no tape.
#include "optim/estimators/forward_gradient.h"

#include <doctest/doctest.h>

#include <cmath>

#include "autograd/grad.h"
#include "autograd/ops/conv.h"
#include "autograd/ops/elementwise.h"
#include "autograd/ops/matmul.h"
#include "autograd/ops/nn_ops.h"
#include "autograd/ops/shape_ops.h"
#include "core/allocator.h"
#include "core/error.h"
#include "nn/dense_network.h"
#include "optim/problems/test_functions.h"
#include "tests/precision.h"

namespace gradus::forward_gradient_tests {

using Directions = std::vector<std::vector<Tensor>>;

// f = x^2 + x*y; gradient (4,1) at (1,2).
Tensor bowl(std::span<const Tensor> w) {
  const Tensor x = slice(w[0], 0, 0, 1), y = slice(w[0], 0, 1, 2);
  return square(x) + x * y;
}
const std::vector<Tensor> kPoint{Tensor::from({2}, {1, 2})};

TEST_CASE("forward gradient: one direction, the derivative times it") {
  const ForwardGradient a = forward_gradient(bowl, kPoint, Directions{{Tensor::from({2}, {0.5, -1})}});
  CHECK(a.loss == doctest::Approx(3));
  CHECK(a.derivatives == std::vector<double>{1});
  CHECK(a.grads[0].values() == std::vector<real>{real(0.5), -1});
  const ForwardGradient b = forward_gradient(bowl, kPoint, Directions{{Tensor::from({2}, {1, 0})}});
  CHECK(b.grads[0].values() == std::vector<real>{4, 0});
  // Several: their mean; never a direction of ascent, <g, grad f> = d^2.
  const ForwardGradient both =
      forward_gradient(bowl, kPoint, Directions{{Tensor::from({2}, {0.5, -1})}, {Tensor::from({2}, {1, 0})}});
  CHECK(both.derivatives == std::vector<double>{1, 4});
  CHECK(both.grads[0].values() == std::vector<real>{real(2.25), real(-0.5)});
  CHECK_THROWS_AS(forward_gradient(bowl, kPoint, {}), UsageError);
}

TEST_CASE("forward gradient: the basis gives the exact gradient; one number and a sign do too") {
  Tensor sum = Tensor::zeros({2});
  for (int64 i = 0; i < 2; ++i) {
    Tensor e = Tensor::zeros({2});
    e.mutable_data()[i] = 1;
    sum = sum + forward_gradient(bowl, kPoint, Directions{{e}}).grads[0];
  }
  CHECK(sum.values() == std::vector<real>{4, 1});
  const std::vector<Tensor> one{Tensor::scalar(3)};
  for (int seed = 0; seed < 5; ++seed) {
    const std::vector<Tensor> v = draw_direction(one, "rademacher", Rng(static_cast<std::uint64_t>(seed)));
    CHECK(forward_gradient([](std::span<const Tensor> w) { return square(w[0]); }, one, Directions{v})
              .grads[0]
              .item() == doctest::Approx(6));
  }
}

TEST_CASE("forward gradient: moments of the estimate") {
  // Normal: Var(g) = (33, 18), E||g||^2 = (n+2)||grad||^2 = 68; rademacher: (1, 16) and 34.
  struct Expected {
    const char* distribution;
    double var_x, var_y, squares;
  };
  for (const Expected& e : {Expected{"normal", 33, 18, 68}, Expected{"rademacher", 1, 16, 34}}) {
    INFO(e.distribution);
    double mx = 0, my = 0, sx = 0, sy = 0;
    constexpr int kDraws = 20000;
    for (int i = 0; i < kDraws; ++i) {
      const Tensor g =
          forward_gradient(
              bowl, kPoint,
              Directions{draw_direction(kPoint, e.distribution, Rng(7).fork(static_cast<std::uint64_t>(i)))})
              .grads[0];
      const double x = double(g.data()[0]), y = double(g.data()[1]);
      mx += x / kDraws, my += y / kDraws, sx += x * x / kDraws, sy += y * y / kDraws;
    }
    CHECK(mx == doctest::Approx(4).epsilon(0.04));
    CHECK(my == doctest::Approx(1).epsilon(0.12));
    CHECK(sx - mx * mx == doctest::Approx(e.var_x).epsilon(0.06));
    CHECK(sy - my * my == doctest::Approx(e.var_y).epsilon(0.06));
    CHECK(sx + sy == doctest::Approx(e.squares).epsilon(0.06));
  }
}

TEST_CASE(
    "forward gradient: the derivative is <backprop's gradient, v> and the central difference; no node is "
    "made") {
  Rng rng(3);
  const auto draw = [&](const Shape& shape) { return variable(rng.normal_tensor(shape, 0, real(0.4))); };
  const std::vector<Tensor> params{draw({4, 2, 3, 3}), draw({4}), draw({5, 36}),
                                   draw({5}),          draw({5}), draw({5})};
  const Tensor x = rng.normal_tensor({3, 2, 8, 8});
  const IntTensor y = IntTensor::from({3}, {4, 0, 2});
  // Convolution, pooling, linear layer, layer norm, cross-entropy.
  const Function f = [&](std::span<const Tensor> p) {
    const Tensor h = max_pool2d(relu(conv2d(x, p[0], p[1])), pool_spec(2));
    return cross_entropy(layer_norm(linear(flatten(h, 1), p[2], p[3]), p[4], p[5]), y);
  };
  const std::vector<Tensor> v = draw_direction(params, "normal", Rng(5));
  const int64 nodes = live_nodes();
  const ForwardGradient at = forward_gradient(f, params, Directions{v});
  CHECK(live_nodes() == nodes);
  for (const Tensor& g : at.grads) CHECK(!requires_grad(g));

  const ValueAndGrad back = value_and_grad(f, params);
  double inner = 0;
  for (size_t i = 0; i < v.size(); ++i)
    for (int64 j = 0; j < v[i].numel(); ++j)
      inner += double(v[i].data()[j]) * double(back.grads[i].data()[j]);
  CHECK(at.derivatives[0] == doctest::Approx(inner).epsilon(tests::kDouble ? 1e-10 : 1e-4));
  CHECK(at.loss == doctest::Approx(double(back.value.item())));
  const double h = tests::kDouble ? 1e-6 : 1e-2;
  const auto moved = [&](double by) {
    std::vector<Tensor> w;
    for (size_t i = 0; i < params.size(); ++i)
      w.push_back(stop_gradient(params[i]) + v[i] * static_cast<real>(by));
    return double(f(w).item());
  };
  CHECK((moved(h) - moved(-h)) / (2 * h) == doctest::Approx(inner).epsilon(tests::kDouble ? 1e-5 : 5e-2));
}

TEST_CASE("forward gradient: peak memory does not grow with depth") {
  const auto peak = [](int64 depth) {
    Rng rng(1);
    std::vector<Tensor> params;
    for (int64 i = 0; i < depth; ++i) {
      params.push_back(variable(rng.normal_tensor({16, 16}, 0, real(0.25))));
      params.push_back(variable(Tensor::zeros({16})));
    }
    const std::vector<Tensor> v = draw_direction(params, "normal", rng);
    const Tensor x = rng.normal_tensor({2048, 16});
    const IntTensor y = IntTensor::full({2048}, 3);
    const Activation& act = activation("tanh");
    const auto run = [&] {
      forward_gradient([&](std::span<const Tensor> p) { return cross_entropy(dense_network(p, act, x), y); },
                       params, Directions{v});
    };
    run();
    const std::size_t before = allocator_stats().bytes_in_use;
    reset_peak_memory();
    run();
    return static_cast<double>(allocator_stats().peak_bytes_in_use - before);
  };
  // Eight layers more cost their own gradients (16*17 numbers each), not activations (2048*16).
  CHECK(peak(12) - peak(4) < 8 * 2.0 * 16 * 17 * sizeof(real) + 8 * 2 * 4096);
}

TEST_CASE("forward descent: decaying steps; functions of two variables") {
  CHECK(double(beale(Tensor::from({2}, {3, 0.5})).item()) == doctest::Approx(0));
  CHECK(double(beale(Tensor::from({2}, {1, 1})).item()) == doctest::Approx(2.25 + 5.0625 + 6.890625));
  CHECK(double(rosenbrock(Tensor::from({2}, {-1, 0})).item()) == doctest::Approx(4 + 100));
  CHECK(double(rosenbrock(Tensor::from({2}, {0.5, 2})).item()) == doctest::Approx(0.25 + 306.25));
  CHECK_THROWS_AS(beale(Tensor::zeros({3})), ShapeError);
  std::vector<Tensor> w{Tensor::scalar(2)};
  const Directions one{{Tensor::scalar(1)}};
  const Function half_square = [](std::span<const Tensor> p) { return square(p[0]) / real(2); };
  const ForwardDescent descent{.lr = 0.5, .lr_decay = std::log(2.0)};
  CHECK(descent.step(half_square, w, one, 0) == doctest::Approx(2));
  CHECK(double(w[0].item()) == doctest::Approx(1));
  CHECK(descent.step(half_square, w, one, 1) == doctest::Approx(0.5));
  CHECK(double(w[0].item()) == doctest::Approx(0.75));  // half the rate
}

TEST_CASE("dense network: the activation is left out behind the last layer") {
  const std::vector<Tensor> p{Tensor::from({1, 1}, {-2}), Tensor::from({1}, {1}), Tensor::from({1, 1}, {3}),
                              Tensor::from({1}, {-1})};
  CHECK(double(dense_network(p, activation("relu"), Tensor::from({1, 1}, {2})).item()) == -1);
  CHECK(double(dense_network(p, activation("relu"), Tensor::from({1, 1}, {-2})).item()) == 14);
  CHECK_THROWS_AS(dense_network({p.data(), 3}, activation("relu"), Tensor::zeros({1, 1})), ShapeError);
}

}  // namespace gradus::forward_gradient_tests
