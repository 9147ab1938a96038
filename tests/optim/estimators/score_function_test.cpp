// Gradients of an expected loss by the score function.
#include "optim/estimators/score_function.h"

#include <doctest/doctest.h>

#include <cmath>

#include "autograd/functional/functional.h"
#include "core/error.h"
#include "core/rng.h"
#include "tests/precision.h"

using namespace gradus;

TEST_CASE("score function: two actions of losses 0 and 1 have the gradient -1/4, 1/4 in expectation") {
  // Both actions with their probabilities of one half: the expectation itself, two rollouts.
  const Tensor zeros = Tensor::zeros({1, 2});
  const std::vector<Tensor> logits{zeros};
  std::vector<double> expected(2, 0);
  for (int64 a = 0; a < 2; ++a) {
    const ValueAndGrad at = value_and_grad(
        [&](std::span<const Tensor> z) {
          return policy_surrogate(z[0], IntTensor::from({1}, {a}), Tensor::from({1}, {static_cast<real>(a)}));
        },
        logits);
    for (size_t i = 0; i < 2; ++i) expected[i] += 0.5 * static_cast<double>(at.grads[0].data()[i]);
  }
  CHECK(expected[0] == doctest::Approx(-0.25).epsilon(1e-6));
  CHECK(expected[1] == doctest::Approx(0.25).epsilon(1e-6));
}

TEST_CASE("score function: the baseline is the mean of the others, and leaves the expectation alone") {
  const Tensor losses = Tensor::from({2, 3}, {1, 2, 6, 0, 0, 3});
  const Tensor a = leave_one_out_advantage(losses);
  CHECK(a.values() == std::vector<real>{-3, real(-1.5), real(4.5), real(-1.5), real(-1.5), 3});
  CHECK(leave_one_out_advantage(losses, false).values() == losses.values());
  const Tensor alone = Tensor::from({2, 1}, {1, 2});
  CHECK(leave_one_out_advantage(alone).values() == alone.values());
  CHECK_THROWS_AS(leave_one_out_advantage(Tensor::zeros({3})), ShapeError);
}

TEST_CASE("score function: the surrogate sums over steps and averages over rollouts") {
  Rng rng(2);
  const Tensor logits = rng.normal_tensor({4, 3});  // two rollouts of two steps
  const IntTensor actions = IntTensor::from({4}, {0, 2, 1, 1});
  const Tensor log_p = action_log_probability(logits, actions);
  double by_hand = 0;
  for (int64 i = 0; i < 4; ++i) {
    double sum = 0;
    for (int64 k = 0; k < 3; ++k) sum += std::exp(static_cast<double>(logits.data()[i * 3 + k]));
    const double lp = static_cast<double>(logits.data()[i * 3 + actions[i]]) - std::log(sum);
    CHECK(static_cast<double>(log_p.data()[i]) == doctest::Approx(lp).epsilon(tests::kDouble ? 1e-12 : 1e-5));
    by_hand += (i < 2 ? 0.7 : -0.2) * lp / 2;
  }
  const Tensor s = policy_surrogate(logits, actions, Tensor::from({2}, {real(0.7), real(-0.2)}));
  CHECK(static_cast<double>(s.item()) == doctest::Approx(by_hand).epsilon(tests::kDouble ? 1e-12 : 1e-5));
  CHECK_THROWS_AS(policy_surrogate(logits, actions, Tensor::zeros({3})), ShapeError);
}
