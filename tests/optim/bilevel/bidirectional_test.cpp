// Bidirectional learning: the card's figures, limits, sequences as logits.
#include "optim/bilevel/bidirectional.h"

#include <doctest/doctest.h>

#include <cmath>

#include "autograd/functional/functional.h"
#include "autograd/ops/elementwise.h"
#include "autograd/ops/matmul.h"
#include "autograd/ops/reduce.h"
#include "autograd/ops/shape_ops.h"
#include "core/error.h"
#include "core/rng.h"
#include "optim/bilevel/sequence_logits.h"
#include "tests/precision.h"

namespace gradus::bidirectional_tests {

using tests::kDouble;

TEST_CASE("bidirectional kernel: two points by hand") {
  const BidirectionalKernel kernel(Tensor::from({2, 2}, {1, 0, 0, 1}), Tensor::from({2}, {1, -1}), 1e-6, 10);
  const Tensor z = Tensor::from({2}, {1, 1});
  CHECK(double(kernel.forward_prediction(z).item()) == doctest::Approx(0));
  CHECK(double(kernel.forward_loss(z).item()) == doctest::Approx(100));
  for (const real p : kernel.backward_predictions(z).values())
    CHECK(double(p) == doctest::Approx(4.999995).epsilon(1e-6));
  CHECK(double(kernel.backward_loss(z).item()) == doctest::Approx(25.99995).epsilon(1e-6));
  CHECK_THROWS_AS(BidirectionalKernel(Tensor::zeros({2, 2}), Tensor::zeros({2}), 1e-6, 10), NumericError);
  CHECK_THROWS_AS(BidirectionalKernel(Tensor::ones({2, 2}), Tensor::zeros({3}), 1e-6, 10), ShapeError);
}

TEST_CASE(
    "bidirectional kernel: a multiple of a row gives that row's label, in either form of the solution") {
  // Orthogonal rows, fewer than features and as many: dual and primal. The ridge is relative to the mean diagonal.
  const Tensor wide = Tensor::from({2, 3}, {2, 0, 0, 0, 1, 0}), square = Tensor::from({2, 2}, {2, 0, 0, 1});
  const Tensor y = Tensor::from({2}, {3, -4});
  const BidirectionalKernel dual(wide, y, 1e-6, 10), primal(square, y, 1e-6, 10);
  CHECK(double(dual.forward_prediction(Tensor::from({3}, {1, 0, 5})).item()) ==
        doctest::Approx(1.5).epsilon(1e-5));
  CHECK(double(primal.forward_prediction(Tensor::from({2}, {1, 0})).item()) ==
        doctest::Approx(1.5).epsilon(1e-5));
  const BidirectionalKernel damped(square, y, 0.4, 10);  // b = 0.4*5/2 = 1: 3*2/(4 + 1) a unit
  CHECK(double(damped.forward_prediction(Tensor::from({2}, {1, 0})).item()) == doctest::Approx(1.2));
}

TEST_CASE("bidirectional kernel: the backward gradient goes through c_h") {
  if (!kDouble) return;
  Rng rng(3);
  const BidirectionalKernel kernel(rng.normal_tensor({5, 3}), rng.normal_tensor({5}), 1e-6, 10);
  const Tensor z = rng.normal_tensor({3});
  const Tensor g =
      value_and_grad([&](std::span<const Tensor> x) { return kernel.backward_loss(x[0]); }, Tensors{z})
          .grads[0];
  for (int64 i = 0; i < 3; ++i) {
    const auto loss = [&](double h) {
      Tensor moved = z.clone();
      moved.mutable_data()[i] += static_cast<real>(h);
      return double(kernel.backward_loss(moved).item());
    };
    CHECK(double(g.data()[i]) == doctest::Approx((loss(1e-6) - loss(-1e-6)) / 2e-6).epsilon(1e-5));
  }
}

TEST_CASE("bidirectional step: gamma's first step, fixed weights, the adaptive step size") {
  const Tensor aux = Tensor::from({2}, {1, 0}), f = Tensor::from({2}, {-2, 0}), b = Tensor::from({2}, {1, 1});
  Tensor logits = Tensor::zeros({2});
  BidirectionalStep adapt({.lr = 0.1});
  // e = -0.3: gamma 0.5 -> 0.6; G = 0.6*f + 0.4*b = (-0.8, 0.4), Adam's first direction is its sign.
  CHECK(adapt.step(logits, aux, f, b).gamma == doctest::Approx(0.6));
  CHECK(double(logits.data()[0]) == doctest::Approx(0.1));
  CHECK(double(logits.data()[1]) == doctest::Approx(-0.1));
  CHECK_THROWS_AS(adapt.step(logits, aux, f, Tensor::zeros({3})), ShapeError);
  for (const double gamma : {0.0, 1.0}) {
    Tensor x = Tensor::zeros({2});
    BidirectionalStep fixed({.lr = 0.1, .gamma_init = gamma, .adaptive_gamma = false});
    CHECK(fixed.step(x, aux, f, b).gamma == gamma);
    // Forward alone: direction (-1, 0); backward alone: (1, 1).
    CHECK(double(x.data()[0]) == doctest::Approx(gamma == 1 ? 0.1 : -0.1));
    CHECK(double(x.data()[1]) == doctest::Approx(gamma == 1 ? 0 : -0.1));
  }
  // From the second step on 0.1 - 0.01*<aux, D> around 0.1 whatever lr; D = 1 for a constant gradient.
  Tensor x = Tensor::zeros({2});
  BidirectionalStep eta({.lr = 0.3, .gamma_init = 0, .adaptive_gamma = false, .adaptive_eta = true});
  CHECK(eta.step(x, aux, f, b).step_size == 0.3);
  CHECK(eta.step(x, aux, f, b).step_size == doctest::Approx(0.09));
  CHECK(eta.step(x, aux * real(100), f, b).step_size == doctest::Approx(1e-4));
  CHECK(eta.step(x, aux * real(-100), f, b).step_size == doctest::Approx(0.5));
}

TEST_CASE("sequence logits: start at the letters, one-hot in value, soft in gradient") {
  Rng rng(2);
  const Tensor noise = rng.normal_tensor({6, 4}, 0, real(0.01));
  for (int trial = 0; trial < 20; ++trial) {
    IntTensor start({6});
    for (int64 l = 0; l < 6; ++l) start.mutable_data()[l] = rng.below(4);
    const Tensor logits = start_logits(noise, start);
    CHECK(argmax(logits, 1).values() == start.values());
    CHECK(hard_kmers(logits).values() == one_hot_letters(start, 4).values());
  }
  CHECK_THROWS_AS(start_logits(noise, IntTensor::full({6}, 4)), DataError);
  CHECK_THROWS_AS(start_logits(noise, IntTensor::full({5}, 0)), ShapeError);
  const Tensor logits = rng.normal_tensor({5, 3}), weights = rng.normal_tensor({3, 27});
  const auto slope = [&](const auto& f) {
    return value_and_grad([&](std::span<const Tensor> x) { return sum(f(x[0]) * weights); }, Tensors{logits})
        .grads[0];
  };
  CHECK(slope([](const Tensor& x) { return hard_kmers(x, 3); }).values() ==
        slope([](const Tensor& x) { return soft_kmers(x, 3); }).values());
  // Soft 3-mers: the product of three rows, the first letter the highest digit.
  const Tensor s = soft_kmers(logits, 3), p = soft_kmers(logits);
  CHECK(double(s.at({1, 9 * 2 + 3 * 0 + 1})) ==
        doctest::Approx(double(p.at({1, 2}) * p.at({2, 0}) * p.at({3, 1}))));
  CHECK_THROWS_AS(soft_kmers(logits, 6), ShapeError);
  CHECK_THROWS_AS(soft_kmers(logits, 0), UsageError);
}

TEST_CASE("bidirectional search: the design of one step") {
  // Identity features of one letter: L_f pulls to the letter with the high label.
  const BidirectionalKernel kernel(Tensor::from({2, 2}, {1, 0, 0, 1}), Tensor::from({2}, {1, -1}), 1e-6, 10);
  const DesignProblem problem{.features = [](const Tensor& t) { return flatten(t, 0); },
                              .auxiliary =
                                  [](const Tensor& z) {
                                    return sum(z * Tensor::from({2}, {1, 0}));
                                  },
                              .kernel = &kernel};
  const Tensor start = Tensor::from({1, 2}, {0, real(0.15)});
  const DesignSearch at =
      search_design(problem, start, 2, {.lr = 0.1, .gamma_init = 1, .adaptive_gamma = false});
  CHECK(at.design[0] == 0);  // two steps of 0.1 on both logits cross over
  CHECK(at.forward_loss[0] == doctest::Approx(121).epsilon(1e-4));
  CHECK(start.data()[0] == 0);
  CHECK(search_design(problem, start, 0, {}).design[0] == 1);
}

TEST_CASE("standard scores: deviation with n - 1") {
  const StandardScores s(Tensor::from({3}, {1, 2, 6}));
  CHECK(s.mean == doctest::Approx(3));
  CHECK(s.std == doctest::Approx(std::sqrt(7.0)));
  CHECK(double(s.labels.data()[2]) == doctest::Approx(3 / std::sqrt(7.0)));
  CHECK_THROWS_AS(StandardScores(Tensor::from({1}, {1})), ShapeError);
}

}  // namespace gradus::bidirectional_tests
