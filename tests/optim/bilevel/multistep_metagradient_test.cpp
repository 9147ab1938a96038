// Meta-gradients through several steps: the card's figures, the forward recursion, central differences.
#include "optim/bilevel/multistep_metagradient.h"

#include <doctest/doctest.h>

#include <cmath>

#include "autograd/ops/elementwise.h"
#include "autograd/ops/reduce.h"
#include "core/error.h"
#include "core/rng.h"
#include "tests/precision.h"

namespace gradus::multistep_metagradient_tests {

using tests::kDouble;

// theta <- theta - lr*(theta - eta); L_out = (theta - 1)^2/2.
MetaObjective toy() {
  return {.inner = [](std::span<const Tensor> w, const Tensor& eta,
                      int64) { return square(w[0] - eta) * real(0.5); },
          .outer = [](std::span<const Tensor> w, int64) { return square(w[0] - real(1)) * real(0.5); }};
}

TEST_CASE("multistep: the toy by hand, mixtures") {
  const MetaGradients at =
      multistep_metagradients(toy(), Tensors{Tensor::scalar(0)}, Tensor::scalar(2), 3, 0.1);
  const double expected[] = {-0.08, -0.1178, -0.124118};
  for (size_t n = 0; n < 3; ++n)
    CHECK(double(at.grads[n].item()) == doctest::Approx(expected[n]).epsilon(1e-5));
  CHECK(double(at.theta[0].item()) == doctest::Approx(2 * (1 - 0.729)));
  CHECK(at.outer_loss[0] == doctest::Approx(0.32));
  const auto mixed = [&](double rho) {
    return double(mix_metagradients(mixture_weights(3, rho), at.grads).item());
  };
  CHECK(mixed(0.5) == doctest::Approx(-0.097103).epsilon(1e-5));
  CHECK(mixed(1) == doctest::Approx(-0.107306).epsilon(1e-5));
  CHECK(mixed(0) == doctest::Approx(-0.08));
  // One step: all estimators are the same. No step size: no dependence.
  const MetaGradients one =
      multistep_metagradients(toy(), Tensors{Tensor::scalar(0)}, Tensor::scalar(2), 1, 0.1);
  for (const double rho : {0.0, 0.5, 1.0})
    CHECK(mix_metagradients(mixture_weights(1, rho), one.grads).item() == one.grads[0].item());
  for (const Tensor& g :
       multistep_metagradients(toy(), Tensors{Tensor::scalar(0)}, Tensor::scalar(2), 3, 0).grads)
    CHECK(g.item() == 0);
  CHECK_THROWS_AS(multistep_metagradients(toy(), Tensors{Tensor::scalar(0)}, Tensor::scalar(2), 0, 0.1),
                  UsageError);
}

TEST_CASE("multistep: weights") {
  const std::vector<double> w = mixture_weights(3, 0.5);
  for (size_t i = 0; i < 3; ++i) CHECK(w[i] == doctest::Approx((4 >> i) / 7.0));
  CHECK(mixture_weights(3, 0) == std::vector<double>{1, 0, 0});
  CHECK_THROWS_AS(mixture_weights(0, 1), UsageError);
  CHECK_THROWS_AS(mixture_weights(2, -1), UsageError);
  CHECK_THROWS_AS(mix_metagradients(w, Tensors{Tensor::scalar(1)}), ShapeError);
}

// A smooth problem of four weights and two etas, whose data change from step to step.
struct Smooth {
  Tensor a = Rng(1).normal_tensor({4, 4}), b = Rng(2).normal_tensor({6, 4});
  Tensors theta{Rng(3).normal_tensor({4})};
  Tensor eta = Tensor::from({2}, {real(0.3), real(-0.2)});
  MetaObjective objective() const {
    return {.inner =
                [this](std::span<const Tensor> w, const Tensor& e, int64 j) {
                  const Tensor x = b.rows(j, j + 1).view({4});
                  return sum(sin(w[0] + x) * sum(e * Tensor::from({2}, {1, 0}))) +
                         sum(square(w[0] - x)) * exp(sum(e * Tensor::from({2}, {0, 1}))) * real(0.5);
                },
            .outer = [this](std::span<const Tensor> w,
                            int64 n) { return sum(square(w[0] - b.rows(n, n + 1).view({4}))); }};
  }
};

TEST_CASE("multistep: equals the recursion Z <- Z - lr*(H Z + d2L_in) and central differences") {
  const Smooth s;
  const MetaObjective objective = s.objective();
  const MetaGradients at = multistep_metagradients(objective, s.theta, s.eta, 5, 0.1);
  // Column i of Z by forward mode along eta_i, through the gradient.
  for (int64 i = 0; i < 2; ++i) {
    Tensor direction = Tensor::zeros({2});
    direction.mutable_data()[i] = 1;
    Tensor theta = s.theta[0], z = Tensor::zeros({4});
    for (int64 j = 0; j < 5; ++j) {
      const Tensor both[] = {theta, s.eta}, along[] = {z, direction};
      const Hvp h =
          hvp([&](std::span<const Tensor> x) { return objective.inner(x.first(1), x[1], j); }, both, along);
      z = z - h.products[0] * real(0.1);
      theta = theta - h.grads[0] * real(0.1);
      const Tensor g =
          value_and_grad([&](std::span<const Tensor> x) { return objective.outer(x, j + 1); }, Tensors{theta})
              .grads[0];
      CHECK(double(at.grads[static_cast<size_t>(j)].data()[i]) ==
            doctest::Approx(double(sum(g * z).item())).epsilon(1e-5));
    }
    if (!kDouble) continue;
    const auto loss = [&](double h) {
      return multistep_metagradients(objective, s.theta, s.eta + direction * static_cast<real>(h), 5, 0.1)
          .outer_loss[4];
    };
    CHECK(double(at.grads[4].data()[i]) == doctest::Approx((loss(1e-6) - loss(-1e-6)) / 2e-6).epsilon(1e-6));
  }
}

TEST_CASE("multistep: a step on eta is scaled down where it is long, then Adam's") {
  MetaStep free(Tensor::from({2}, {1, 1}), 0.1, 0), held(Tensor::from({2}, {1, 1}), 0.1, 1);
  // Adam's first step has size lr whatever the length; the second tells: moments of (3,4) then (0.3,0.4).
  for (MetaStep* m : {&free, &held}) m->step(Tensor::from({2}, {3, 4}));
  CHECK(double(free.eta().data()[0]) == doctest::Approx(0.9));
  CHECK(double(held.eta().data()[0]) == doctest::Approx(0.9));
  for (MetaStep* m : {&free, &held}) m->step(Tensor::from({2}, {real(0.3), real(0.4)}));
  const auto second = [](double g1, double g2) {
    const double m = (0.09 * g1 + 0.1 * g2) / 0.19,
                 v = (0.999 * 0.001 * g1 * g1 + 0.001 * g2 * g2) / (1 - 0.999 * 0.999);
    return 0.9 - 0.1 * m / (std::sqrt(v) + 1e-8);
  };
  CHECK(double(free.eta().data()[0]) == doctest::Approx(second(3, 0.3)).epsilon(1e-4));
  CHECK(double(held.eta().data()[0]) == doctest::Approx(second(0.6, 0.3)).epsilon(1e-4));
}

}  // namespace gradus::multistep_metagradient_tests
