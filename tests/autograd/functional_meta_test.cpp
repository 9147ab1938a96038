// Derivatives through training: differentiable optimizer steps against central differences.
#include <doctest/doctest.h>

#include <cmath>

#include "autograd/functional/diff_optim.h"
#include "autograd/functional/flat.h"
#include "autograd/functional/functional.h"
#include "autograd/ops/elementwise.h"
#include "autograd/ops/matmul.h"
#include "autograd/ops/nn_ops.h"
#include "core/rng.h"
#include "tests/precision.h"

using namespace gradus;
using gradus::tests::kDouble;

namespace {

// A regression network 2-3-1. With a dead unit, hidden unit 2 of a ReLU layer never fires, so its weights always have
// gradient zero.
struct Problem {
  Tensor x, y, x_val, y_val;
  bool relu_unit;
  explicit Problem(bool with_relu) : relu_unit(with_relu) {
    Rng rng(31);
    x = rng.normal_tensor({6, 2}), y = rng.normal_tensor({6, 1});
    x_val = rng.normal_tensor({6, 2}), y_val = rng.normal_tensor({6, 1});
  }
  Tensors first() const {
    Rng rng(32);
    Tensor b = Tensor::from({3}, {real(0.3), real(-0.2), relu_unit ? real(-50) : real(0.1)});
    return {rng.normal_tensor({3, 2}, 0, real(0.7)), b, rng.normal_tensor({1, 3}, 0, real(0.7)),
            Tensor::zeros({1})};
  }
  Tensor loss(std::span<const Tensor> w, const Tensor& in, const Tensor& target) const {
    const Tensor h = linear(in, w[0], w[1]);
    return mse_loss(linear(relu_unit ? relu(h) : tanh(h), w[2], w[3]), target);
  }
  Tensors gradient(std::span<const Tensor> w) const {
    return value_and_grad([this](std::span<const Tensor> p) { return loss(p, x, y); }, w,
                          {.create_graph = true})
        .grads;
  }
  Tensor validation(std::span<const Tensor> w) const { return loss(w, x_val, y_val); }
};

// Largest deviation of the meta-gradient from central differences, relative to its largest element. Every element of
// the hyperparameters and a random direction of the weights is checked.
double deviation(const Function& meta_loss, const Tensors& at, size_t hyper) {
  const Tensors grads = value_and_grad(meta_loss, at).grads;
  for (const Tensor& g : grads)
    for (const real v : g.span()) REQUIRE(std::isfinite(v));
  double worst = 0, scale = 0;
  const auto compare = [&](const Tensors& direction) {
    // So small that over 200 steps no unit that is alive crosses the kink of its relu within it.
    const double h = 1e-6, predicted = inner(grads, direction);
    const auto moved = [&](double step) {
      Tensors there;
      for (size_t i = 0; i < at.size(); ++i) there.push_back(at[i] + static_cast<real>(step) * direction[i]);
      return static_cast<double>(meta_loss(there).item());
    };
    const double found = (moved(h) - moved(-h)) / (2 * h);
    worst = std::max(worst, std::abs(found - predicted));
    scale = std::max(scale, std::abs(found));
  };
  const auto zeros = [&] {
    Tensors z;
    for (const Tensor& t : at) z.push_back(Tensor::zeros(t.shape()));
    return z;
  };
  for (size_t k = 0; k < hyper; ++k) {
    Tensors direction = zeros();
    direction[k].fill(1);
    compare(direction);
  }
  Rng rng(33);
  for (int r = 0; r < 3; ++r) {
    Tensors direction = zeros();
    for (size_t i = hyper; i < at.size(); ++i) direction[i] = rng.normal_tensor(at[i].shape());
    compare(direction);
  }
  CHECK(scale > 1e-3);
  return worst / scale;
}

Tensors with_hyper(std::initializer_list<double> hyper, const Tensors& weights) {
  Tensors all;
  for (double h : hyper) all.push_back(Tensor::scalar(static_cast<real>(h)));
  all.insert(all.end(), weights.begin(), weights.end());
  return all;
}

}  // namespace

TEST_CASE("functional: differentiable steps are the rules they are named after") {
  const Tensors w{Tensor::from({2}, {1, -2})}, g{Tensor::from({2}, {real(0.5), 3})};
  const Tensor lr = Tensor::scalar(real(0.1));
  const Tensors s = sgd_step(w, g, lr);
  CHECK(s[0].at({0}) == doctest::Approx(0.95));
  CHECK(s[0].at({1}) == doctest::Approx(-2.3));

  MomentumState plain, nesterov;
  const Tensor mu = Tensor::scalar(real(0.9));
  Tensors p = momentum_step(momentum_step(w, g, plain, lr, mu), g, plain, lr, mu);
  CHECK(p[0].at({0}) == doctest::Approx(1 - 0.05 - 0.1 * (0.9 * 0.5 + 0.5)));
  p = momentum_step(w, g, nesterov, lr, mu, true);
  CHECK(p[0].at({0}) == doctest::Approx(1 - 0.1 * (0.5 + 0.9 * 0.5)));

  AdamState adam;
  const AdamHyper hyper{.lr = lr};
  p = adam_step(w, g, adam, hyper);  // the first step is lr * sign(g)
  CHECK(p[0].at({0}) == doctest::Approx(0.9));
  CHECK(p[0].at({1}) == doctest::Approx(-2.1));
  const Tensors g2{Tensor::from({2}, {-1, 1})};
  p = adam_step(p, g2, adam, hyper);
  const double m = (0.9 * 0.1 * 0.5 - 0.1) / (1 - 0.81);
  const double v = (0.999 * 0.001 * 0.25 + 0.001) / (1 - 0.998001);
  CHECK(p[0].at({0}) == doctest::Approx(0.9 - 0.1 * m / std::sqrt(v)).epsilon(1e-4));
  CHECK_THROWS_AS(sgd_step(w, {}, lr), ShapeError);
  const Tensors wrong{Tensor::zeros({3})};
  CHECK_THROWS_AS(adam_step(w, wrong, adam, hyper), ShapeError);
}

TEST_CASE("functional: meta-gradient through 200 steps of SGD") {
  if (!kDouble) return;
  const Problem problem(false);
  const auto start = live_nodes();
  const Function meta = [&](std::span<const Tensor> at) {
    Tensors w(at.begin() + 1, at.end());
    for (int t = 0; t < 200; ++t) w = sgd_step(w, problem.gradient(w), at[0]);
    return problem.validation(w);
  };
  CHECK(deviation(meta, with_hyper({0.1}, problem.first()), 1) < 1e-6);
  CHECK(live_nodes() == start);
}

TEST_CASE("functional: meta-gradient through momentum") {
  if (!kDouble) return;
  const Problem problem(false);
  for (const bool nesterov : {false, true}) {
    const Function meta = [&](std::span<const Tensor> at) {
      Tensors w(at.begin() + 2, at.end());
      MomentumState state;
      for (int t = 0; t < 30; ++t) w = momentum_step(w, problem.gradient(w), state, at[0], at[1], nesterov);
      return problem.validation(w);
    };
    CHECK(deviation(meta, with_hyper({0.05, 0.8}, problem.first()), 2) < 1e-6);
  }
}

TEST_CASE("functional: meta-gradient through 200 steps of Adam with a dead ReLU unit") {
  const Problem problem(true);
  const Function meta = [&](std::span<const Tensor> at) {
    Tensors w(at.begin() + 3, at.end());
    AdamState state;
    const AdamHyper hyper{.lr = at[0], .beta1 = at[1], .beta2 = at[2], .eps = Tensor::scalar(real(1e-8))};
    for (int t = 0; t < (kDouble ? 200 : 20); ++t) w = adam_step(w, problem.gradient(w), state, hyper);
    return problem.validation(w);
  };
  const Tensors at = with_hyper({0.01, 0.9, 0.99}, problem.first());
  if (kDouble) {
    CHECK(deviation(meta, at, 3) < 1e-5);
  } else {
    for (const Tensor& g : value_and_grad(meta, at).grads)
      for (const real v : g.span()) CHECK(std::isfinite(v));
  }
}
