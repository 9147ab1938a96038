// Implicit hypergradients: the card's figures, limits, agreement with unrolled training, time and memory.
#include "optim/bilevel/implicit_gradient.h"

#include <doctest/doctest.h>

#include <cmath>

#include "autograd/functional/diff_optim.h"
#include "autograd/functional/flat.h"
#include "autograd/ops/elementwise.h"
#include "autograd/ops/matmul.h"
#include "autograd/ops/nn_ops.h"
#include "autograd/ops/reduce.h"
#include "autograd/ops/shape_ops.h"
#include "core/allocator.h"
#include "core/error.h"
#include "core/rng.h"
#include "optim/bilevel/hyper_training.h"
#include "tests/precision.h"

namespace gradus::implicit_gradient_tests {

// L_T = w^2 - lambda*w, L_V = (w - 1)^2/2.
Tensor parabola(std::span<const Tensor> w, std::span<const Tensor> l) { return square(w[0]) - l[0] * w[0]; }
Tensor distance_to_one(std::span<const Tensor> w, std::span<const Tensor>) {
  return square(w[0] - real(1)) * real(0.5);
}
const Tensors kHalf{Tensor::scalar(real(0.5))}, kOne{Tensor::scalar(1)};

TEST_CASE("implicit gradient: one weight, by hand") {
  const double expected[] = {-0.125, -0.1875, -0.21875, -0.234375};
  for (int64 i = 0; i < 4; ++i)
    CHECK(double(implicit_hypergradient(parabola, distance_to_one, kHalf, kOne,
                                        {.num_neumann_terms = i, .lr = 0.25})
                     .grads[0]
                     .item()) == doctest::Approx(expected[i]));
  for (const char* method : {"exact", "cg"})
    CHECK(double(implicit_hypergradient(parabola, distance_to_one, kHalf, kOne, {.method = method})
                     .grads[0]
                     .item()) == doctest::Approx(-0.25));
  CHECK(double(
            implicit_hypergradient(parabola, distance_to_one, kHalf, kOne, {.method = "identity", .lr = 0.25})
                .grads[0]
                .item()) == doctest::Approx(-0.125));
}

TEST_CASE("implicit gradient: i terms are backpropagation through i + 1 steps of SGD from the optimum") {
  // dL_V/dlambda through two steps: -0.1875; the value 1/4 step by step.
  for (int64 i = 0; i < 4; ++i) {
    const ValueAndGrad unrolled = value_and_grad(
        [&](std::span<const Tensor> l) {
          Tensors w = kHalf;
          for (int64 t = 0; t <= i; ++t)
            w = sgd_step(w,
                         value_and_grad([&](std::span<const Tensor> x) { return parabola(x, l); }, w,
                                        {.create_graph = true})
                             .grads,
                         Tensor::scalar(real(0.25)));
          return distance_to_one(w, l);
        },
        kOne);
    CHECK(double(unrolled.grads[0].item()) ==
          doctest::Approx(double(implicit_hypergradient(parabola, distance_to_one, kHalf, kOne,
                                                        {.num_neumann_terms = i, .lr = 0.25})
                                     .grads[0]
                                     .item())));
  }
}

TEST_CASE("implicit gradient: a decay for each of two weights") {
  const Tensor h = Tensor::from({2, 2}, {2, 0.5, 0.5, 1}), b = Tensor::from({2}, {1, 1}),
               goal = Tensor::from({2}, {0.5, 0.2});
  const TwoLevelLoss train = [&](std::span<const Tensor> w, std::span<const Tensor> l) {
    const Tensor hw = reshape(matmul(h, reshape(w[0], {2, 1})), {2});
    return sum(w[0] * hw) * real(0.5) - sum(b * w[0]) + log_decay_penalty(w[0], l[0]);
  };
  const TwoLevelLoss val = [&](std::span<const Tensor> w, std::span<const Tensor>) {
    return sum(square(w[0] - goal)) * real(0.5);
  };
  const Tensors w{Tensor::from({2}, {real(6. / 23), real(10. / 23)})}, l{Tensor::zeros({2})};
  const auto check = [&](const ImplicitOptions& o, double first, double second) {
    const Tensor g = implicit_hypergradient(train, val, w, l, o).grads[0];
    CHECK(std::abs(double(g.data()[0]) - first) < 6e-5);
    CHECK(std::abs(double(g.data()[1]) - second) < 6e-5);
  };
  check({.method = "exact"}, 0.0270, -0.0623);
  check({.method = "cg", .cg_steps = 2}, 0.0270, -0.0623);
  check({.num_neumann_terms = 0, .lr = 0.3}, 0.0187, -0.0306);
  check({.num_neumann_terms = 1, .lr = 0.3}, 0.0233, -0.0476);
  check({.num_neumann_terms = 5, .lr = 0.3}, 0.0269, -0.0616);
  // Damping d moves the solution to (H + d I)^-1 v: here H + 1*I is diagonal plus (1/2) off it.
  const Tensors damped = implicit_hypergradient(train, val, w, l, {.method = "exact", .damping = 1}).grads;
  const Tensors by_cg =
      implicit_hypergradient(train, val, w, l, {.method = "cg", .cg_steps = 2, .damping = 1}).grads;
  const double v0 = 6. / 23 - 0.5, v1 = 10. / 23 - 0.2, det = 4 * 3 - 0.25;
  CHECK(double(damped[0].data()[0]) == doctest::Approx(-6. / 23 * (3 * v0 - 0.5 * v1) / det));
  CHECK(double(damped[0].data()[1]) == doctest::Approx(-10. / 23 * (4 * v1 - 0.5 * v0) / det));
  CHECK(double(by_cg[0].data()[1]) == doctest::Approx(double(damped[0].data()[1])));
}

TEST_CASE("implicit gradient: what does not depend leaves the direct part, or nothing") {
  const TwoLevelLoss direct = [](std::span<const Tensor>, std::span<const Tensor> l) { return square(l[0]); };
  const Hypergradient only = implicit_hypergradient(parabola, direct, kHalf, Tensors{Tensor::scalar(3)}, {});
  CHECK(only.grads[0].item() == 6);
  const TwoLevelLoss without = [](std::span<const Tensor> w, std::span<const Tensor>) {
    return square(w[0]);
  };
  CHECK(implicit_hypergradient(without, distance_to_one, kHalf, kOne, {}).grads[0].item() == 0);
  // The direct part is added to the indirect one, and is all of it with "zero".
  const TwoLevelLoss both = [](std::span<const Tensor> w, std::span<const Tensor> l) {
    return distance_to_one(w, l) + square(l[0]);
  };
  CHECK(double(implicit_hypergradient(parabola, both, kHalf, kOne, {.method = "exact"}).grads[0].item()) ==
        doctest::Approx(2 - 0.25));
  CHECK(implicit_hypergradient(parabola, both, kHalf, kOne, {.method = "zero"}).grads[0].item() == 2);
  // A training loss linear in w has no Hessian and no optimum.
  const TwoLevelLoss slope = [](std::span<const Tensor> w, std::span<const Tensor>) {
    return w[0] * real(2);
  };
  CHECK(implicit_hypergradient(slope, distance_to_one, kHalf, kOne, {.lr = 0.5}).inverse_hvp[0].item() ==
        real(-0.5));
  CHECK_THROWS_AS(implicit_hypergradient(slope, distance_to_one, kHalf, kOne, {.method = "exact"}),
                  NumericError);
}

TEST_CASE("implicit gradient: a series that diverges and bad words are refused") {
  const LinearOperator steep = [](std::span<const Tensor> v) { return Tensors{v[0] * real(1e9)}; };
  const Tensors v{Tensor::scalar(1)};
  CHECK_THROWS_WITH_AS(inverse_hvp(steep, v, {.num_neumann_terms = 60, .lr = 1}),
                       doctest::Contains("2/lambda_max"), NumericError);
  CHECK_THROWS_WITH_AS(inverse_hvp(steep, v, {.method = "newton"}), doctest::Contains("newton"), UsageError);
  const TwoLevelLoss rows = [](std::span<const Tensor> w, std::span<const Tensor>) {
    return concat(Tensors{reshape(w[0], {1}), reshape(w[0], {1})}, 0);
  };
  CHECK_THROWS_AS(implicit_hypergradient(rows, distance_to_one, kHalf, kOne, {}), ShapeError);
}

// Softmax regression with a decay of its own for each of a million weights.
TEST_CASE("implicit gradient: a million hyperparameters in the memory of four gradients") {
  Rng rng(3);
  const Tensor x = rng.normal_tensor({64, 10000}), x_val = rng.normal_tensor({64, 10000});
  IntTensor y({64});
  for (int64 i = 0; i < 64; ++i) y.mutable_data()[i] = i % 100;
  const Tensors w{rng.normal_tensor({100, 10000}, 0, real(0.01))}, l{Tensor::full({100, 10000}, -4)};
  const TwoLevelLoss train = [&](std::span<const Tensor> ws, std::span<const Tensor> ls) {
    return cross_entropy(linear(x, ws[0]), y) + log_decay_penalty(ws[0], ls[0]);
  };
  const TwoLevelLoss val = [&](std::span<const Tensor> ws, std::span<const Tensor>) {
    return cross_entropy(linear(x_val, ws[0]), y);
  };
  const auto peak = [](const auto& f) {
    const std::size_t before = allocator_stats().bytes_in_use;
    reset_peak_memory();
    f();
    return static_cast<double>(allocator_stats().peak_bytes_in_use - before);
  };
  const double ordinary =
      peak([&] { value_and_grad([&](std::span<const Tensor> ws) { return train(ws, l); }, w); });
  const double implicit =
      peak([&] { implicit_hypergradient(train, val, w, l, {.num_neumann_terms = 5, .lr = 0.1}); });
  MESSAGE("memory: ordinary gradient " << ordinary / 1e6 << " MB, implicit hypergradient " << implicit / 1e6
                                       << " MB");
  CHECK(implicit <= 4 * ordinary);
}

TEST_CASE("hyper training: one step of each by hand") {
  // w: g = 2w - lambda = -1 at w = 0, so w = 0.1; v = w - 1 = -0.9, q = 0.25*v, hypergradient q; lambda = 1 + 0.225.
  const ParameterPtr w = make_parameter("w", ParamKind::kWeight, Tensor::scalar(0)),
                     l = make_parameter("l", ParamKind::kWeight, Tensor::scalar(1));
  HyperTraining training(parabola, distance_to_one, {w}, {l}, "sgd:lr=0.1", "sgd:lr=1",
                         {.num_neumann_terms = 0, .lr = 0.25});
  CHECK(training.inner_step() == 0);
  CHECK(double(w->value.item()) == doctest::Approx(0.1));
  const Hypergradient at = training.outer_step();
  CHECK(at.val_loss == doctest::Approx(0.405));
  CHECK(double(at.grads[0].item()) == doctest::Approx(-0.225));
  CHECK(double(l->value.item()) == doctest::Approx(1.225));
  CHECK(double(w->value.item()) == doctest::Approx(0.1));
}

}  // namespace gradus::implicit_gradient_tests
