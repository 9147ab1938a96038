// Multipliers and mixed advantages: the card's figures and limits.
#include "nn/alignment/constrained_policy.h"

#include <doctest/doctest.h>

#include <cmath>

#include "autograd/grad.h"
#include "autograd/ops/elementwise.h"
#include "core/error.h"
#include "tests/precision.h"

namespace gradus::constrained_policy_tests {

using doctest::Approx;

Tensor row(std::initializer_list<real> values) {
  return Tensor::from({1, static_cast<int64>(values.size())}, values);
}

TEST_CASE("multipliers: weights of the card") {
  const Multipliers xi({0.5, -0.3}, {0, 0}, {.squash = "tanh"}),
      mu({0.5, -0.3}, {0, 0}, {.squash = "sigmoid"});
  CHECK(xi.mu()[0] == Approx(0.462117).epsilon(1e-6));
  CHECK(xi.mu()[1] == Approx(-0.291313).epsilon(1e-5));
  CHECK(xi.kl_weight() == Approx(1.829195).epsilon(1e-6));
  CHECK(mu.mu()[0] == Approx(0.622459).epsilon(1e-6));
  CHECK(mu.kl_weight() == Approx(0.951983).epsilon(1e-6));
  CHECK(Multipliers({0.5, 0.3}, {0, 0}, {.squash = "none"}).kl_weight() == 1);
}

TEST_CASE("multipliers: a step of the card, clipped steps, momentum, no violation") {
  // J - theta = (0.1, -0.05): gradient (0.078645, -0.045757).
  Multipliers m({0.5, -0.3}, {1, 2}, {});
  m.update(row({real(1.1), real(1.95)}));
  CHECK(m.values()[0] == Approx(0.492136).epsilon(1e-5));
  CHECK(m.values()[1] == Approx(-0.295424).epsilon(1e-5));
  // A second step adds a tenth of the first.
  const double before = m.values()[0], slope = 1 - std::pow(std::tanh(before), 2);
  m.update(row({real(1.1), 2}));
  CHECK(m.values()[0] == Approx(before - 0.1 * (0.1 * 0.078645 + slope * 0.1)).epsilon(1e-5));
  Multipliers far({0}, {0}, {.max_grad_norm = 0.5});
  far.update(row({100}));
  CHECK(far.values()[0] == Approx(-0.05).epsilon(1e-6));
  Multipliers still({0.7}, {2}, {});
  still.update(Tensor::from({2, 1}, {1, 3}));  // the mean is on the threshold
  CHECK(still.values()[0] == 0.7);
  Multipliers floor({0.01}, {0}, {.squash = "none"});
  floor.update(row({1}));
  CHECK(floor.values()[0] == 0);
  CHECK_THROWS_AS(floor.update(row({1, 2})), ShapeError);
  CHECK_THROWS_AS(floor.update(row({real(NAN)})), NumericError);
  CHECK_THROWS_AS(Multipliers({1, 2}, {1}, {}), ShapeError);
}

TEST_CASE("mixed advantage: pure objectives at the ends") {
  const Tensor kl = Tensor::from({3}, {1, 2, 6}), rm = Tensor::from({3, 1}, {3, 0, 0});
  const Tensor only_kl = mixed_advantage(kl, rm, Multipliers({0}, {0}, {}), false);
  CHECK(only_kl.values() == std::vector<real>{1, 2, 6});
  const Tensor only_rm = mixed_advantage(kl, rm, Multipliers({50}, {0}, {.squash = "sigmoid"}), false);
  for (int i = 0; i < 3; ++i) CHECK(only_rm.data()[i] == Approx(i ? 0 : 3).epsilon(1e-6));
  // Each part has mean 0 and deviation 1 by itself.
  const Tensor normal = mixed_advantage(kl, rm, Multipliers({0}, {0}, {}));
  CHECK(normal.data()[0] == Approx(-2 / std::sqrt(7)).epsilon(1e-6));
  const Tensor both = mixed_advantage(kl, rm, Multipliers({1}, {0}, {.squash = "none"}));
  CHECK(both.data()[0] == Approx(-2 / std::sqrt(7) + 2 / std::sqrt(3)).epsilon(1e-6));
  CHECK_THROWS_AS(mixed_advantage(kl, Tensor::zeros({3, 2}), Multipliers({0}, {0}, {})), ShapeError);
}

TEST_CASE("constrained ppo: losses of a minibatch by hand") {
  const Tensor logp = variable(Tensor::from({2}, {-1, -1})),
               values = variable(Tensor::from({2, 2}, {0, 1, 2, 3}));
  const Tensor advantages = Tensor::from({2, 2}, {1, 5, 3, 7}), returns = Tensor::from({2, 2}, {1, 1, 0, 0});
  const Multipliers m({0.25}, {0}, {.squash = "none"});
  const ConstrainedLoss l =
      constrained_ppo_loss({logp, values, logp.detach(), advantages, returns}, m, {.normalize = false});
  CHECK(l.policy.item() == Approx(-(5.25 + 7.75) / 2).epsilon(1e-6));
  CHECK(l.value.item() == Approx(0.5 * (1 + 4) / 2 + 0.2 * (0 + 9) / 2).epsilon(1e-6));
  const std::vector<Tensor> g = grad(l.policy + l.value, {logp, values});
  CHECK(g[0].data()[0] == Approx(-5.25 / 2).epsilon(1e-6));
  CHECK(g[1].data()[0] == Approx(-0.5).epsilon(1e-6));
  CHECK(g[1].data()[3] == Approx(0.6).epsilon(1e-6));
  CHECK_THROWS_AS(constrained_ppo_loss({logp, values, logp.detach(), returns, Tensor::zeros({2, 3})}, m),
                  ShapeError);
}

}  // namespace gradus::constrained_policy_tests
