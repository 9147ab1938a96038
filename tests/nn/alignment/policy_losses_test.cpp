// Losses on rewards and preferences: the cards' figures, recursions by hand, finite differences.
#include "nn/alignment/policy_losses.h"

#include <doctest/doctest.h>

#include <cmath>

#include "autograd/grad.h"
#include "autograd/grad_check.h"
#include "autograd/ops/reduce.h"
#include "core/error.h"
#include "core/rng.h"
#include "nn/alignment/preference_losses.h"
#include "tests/precision.h"

namespace gradus::policy_loss_tests {

using doctest::Approx;
using tests::kDouble;

constexpr double kNear = kDouble ? 1e-12 : 1e-6;

TEST_CASE("policy losses: advantages of a group") {
  const Tensor a = grpo_advantages(Tensor::from({2, 4}, {1, 0, 0, 1, 2, 2, 2, 2}));
  for (int i = 0; i < 4; ++i) CHECK(a.data()[i] == Approx(i % 3 ? -0.865875 : 0.865875).epsilon(1e-6));
  for (int i = 4; i < 8; ++i) CHECK(a.data()[i] == 0);  // all equal
  const Tensor centred = grpo_advantages(Tensor::from({1, 4}, {1, 0, 0, 1}), {.scale = false});
  CHECK(centred.values() == std::vector<real>{real(0.5), real(-0.5), real(-0.5), real(0.5)});
}

TEST_CASE("policy losses: equal rewards leave the KL term of GRPO alone") {
  const Tensor logp = variable(Tensor::from({1, 2}, {-1, -2})), ref = Tensor::from({1, 2}, {real(-1.5), -1});
  const GrpoLoss l = grpo_loss(logp, logp.detach(), ref, IntTensor::full({1, 2}, 1), Tensor::zeros({1}));
  // k = exp(e) - e - 1 at e = -0.5 and 1.
  const double k = (std::exp(-0.5) + 0.5 - 1 + std::exp(1.0) - 2) / 2;
  CHECK(l.mean_kl == Approx(k).epsilon(1e-6));
  CHECK(l.loss.item() == Approx(0.005 * k).epsilon(1e-6));
  const Tensor g = grad(l.loss, {logp})[0];
  CHECK(g.data()[0] == Approx(0.005 / 2 * (1 - std::exp(-0.5))).epsilon(1e-5));
}

TEST_CASE("policy losses: weights of tokens by sequence and over all") {
  const Tensor logp = variable(Tensor::zeros({3, 2})), zero = Tensor::zeros({3, 2});
  const IntTensor mask = IntTensor::from({3, 2}, {1, 1, 1, 0, 0, 0});
  const Tensor a = Tensor::from({3}, {1, 1, 1});
  const Tensor by_row = grad(grpo_loss(logp, zero, zero, mask, a, {.reduction = "sequence"}).loss, {logp})[0];
  const Tensor by_token = grad(grpo_loss(logp, zero, zero, mask, a, {.reduction = "token"}).loss, {logp})[0];
  const double rows[] = {-1.0 / 6, -1.0 / 6, -1.0 / 3, 0, 0, 0},
               tokens[] = {-1.0 / 3, -1.0 / 3, -1.0 / 3, 0, 0, 0};
  for (int i = 0; i < 6; ++i) {
    CHECK(by_row.data()[i] == Approx(rows[i]).epsilon(kNear));
    CHECK(by_token.data()[i] == Approx(tokens[i]).epsilon(kNear));
  }
}

TEST_CASE("policy losses: the clip stops a gain, not a loss") {
  const Tensor logp = variable(Tensor::from(
      {4}, {real(std::log(1.5)), real(std::log(1.5)), real(std::log(0.5)), real(std::log(0.5))}));
  const Tensor a = Tensor::from({4}, {2, -2, 2, -2});
  const PolicyLoss l = ppo_clip_loss(logp, Tensor::zeros({4}), a, {.normalize = false});
  // min(rho*A, clip(rho)*A): 1.2*2, 1.5*-2, 0.5*2, 0.8*-2.
  CHECK(l.loss.item() == Approx(-(2.4 - 3 + 1 - 1.6) / 4).epsilon(1e-6));
  CHECK(l.clip_fraction == 1);
  CHECK(l.approx_kl == Approx((0.5 - std::log(1.5) - 0.5 - std::log(0.5)) / 2).epsilon(1e-6));
  const Tensor g = grad(l.loss, {logp})[0];
  const double expected[] = {0, 3.0 / 4, -1.0 / 4, 0};
  for (int i = 0; i < 4; ++i) CHECK(g.data()[i] == Approx(expected[i]).epsilon(1e-6));
  const PolicyLoss same = ppo_clip_loss(logp, logp.detach(), a, {.normalize = false});
  CHECK(grad(same.loss, {logp})[0].data()[0] == Approx(-0.5).epsilon(1e-6));
  // Normalised: mean 0, deviation with n-1 1.
  const PolicyLoss n = ppo_clip_loss(Tensor::zeros({3}), Tensor::zeros({3}), Tensor::from({3}, {1, 2, 3}));
  CHECK(n.loss.item() == Approx(0).epsilon(1e-6));
}

TEST_CASE("policy losses: advantages of steps by their recursion") {
  const Tensor r = Tensor::from({3, 1}, {1, 2, 3}), v = Tensor::from({3, 1}, {real(0.5), 1, real(1.5)});
  const Tensor last = Tensor::from({1}, {10});
  const GaeOptions o{.gamma = 0.5, .gae_lambda = 0.5};
  const Gae open = gae(r, v, IntTensor::from({3}, {0, 0, 0}), last, o);
  const double d2 = 3 + 5 - 1.5, d1 = 2 + 0.75 - 1, d0 = 1 + 0.5 - 0.5;
  CHECK(open.advantages.data()[2] == Approx(d2));
  CHECK(open.advantages.data()[1] == Approx(d1 + d2 / 4));
  CHECK(open.advantages.data()[0] == Approx(d0 + (d1 + d2 / 4) / 4));
  CHECK(open.returns.data()[0] == Approx(0.5 + d0 + (d1 + d2 / 4) / 4));
  CHECK(open.reward_to_go.values() == std::vector<real>{6, 5, 3});
  // The second step ends an episode: nothing passes over it, and the last value does not count where the third does too.
  const Gae cut = gae(r, v, IntTensor::from({3}, {0, 1, 1}), last, o);
  CHECK(cut.advantages.data()[2] == Approx(1.5));
  CHECK(cut.advantages.data()[1] == Approx(1));
  CHECK(cut.advantages.data()[0] == Approx(d0 + 0.25));
  CHECK(cut.reward_to_go.values() == std::vector<real>{3, 2, 3});
}

TEST_CASE("policy losses: KL estimates and rewards of tokens") {
  const Tensor logp = Tensor::from({1, 3}, {-1, -1, -5}), ref = Tensor::from({1, 3}, {-2, real(-0.5), 0});
  const KlEstimates k = kl_estimates(logp, ref, IntTensor::from({1, 3}, {1, 1, 0}));
  CHECK(k.k1 == Approx(0.25));
  CHECK(k.k2 == Approx(0.3125));
  CHECK(k.k3 == Approx((std::exp(-1) + std::exp(0.5) - 2 + 0.5) / 2).epsilon(1e-6));
  CHECK_THROWS_AS(kl_estimates(logp, ref, IntTensor::full({1, 3}, 0)), DataError);
  CHECK_THROWS_AS(kl_estimates(logp, ref, IntTensor::full({1, 3}, 2)), DataError);
  const Tensor two = Tensor::from({2, 2}, {-1, -2, -3, -4}), zero = Tensor::zeros({2, 2});
  const Tensor r =
      kl_penalised_rewards(two, zero, IntTensor::from({2, 2}, {1, 0, 0, 0}), Tensor::from({2}, {5, 7}));
  CHECK(r.data()[0] == Approx(5.2));
  for (int i = 1; i < 4; ++i) CHECK(r.data()[i] == 0);
  // The score comes with the last token that counts, not the first.
  const Tensor both =
      kl_penalised_rewards(two, zero, IntTensor::from({2, 2}, {1, 1, 1, 1}), Tensor::from({2}, {5, 7}));
  CHECK(both.data()[0] == Approx(0.2));
  CHECK(both.data()[1] == Approx(5.4));
}

TEST_CASE("preference losses: DPO's figures") {
  const auto one = [](real logp) {
    return ScoredResponses{Tensor::full({1, 1}, logp), Tensor::zeros({1, 1}), IntTensor::full({1, 1}, 1)};
  };
  CHECK(dpo_loss(one(2), one(0)).loss.item() == Approx(0.598139).epsilon(1e-6));
  CHECK(dpo_loss(one(1), one(1)).loss.item() == Approx(std::log(2.0)).epsilon(1e-6));
  const auto slope = [&](bool swapped) {
    const Tensor c = variable(Tensor::full({1, 1}, 1));
    const ScoredResponses mine{c, Tensor::zeros({1, 1}), IntTensor::full({1, 1}, 1)};
    return grad((swapped ? dpo_loss(one(1), mine) : dpo_loss(mine, one(1))).loss, {c})[0].item();
  };
  CHECK(slope(false) == Approx(-0.05).epsilon(1e-6));
  CHECK(slope(true) == Approx(0.05).epsilon(1e-6));
  // Smoothing: (1 - e)*l(z) + e*l(-z).
  CHECK(dpo_loss(one(2), one(0), {.label_smoothing = 0.25}).loss.item() ==
        Approx(0.75 * std::log1p(std::exp(-0.2)) + 0.25 * std::log1p(std::exp(0.2))).epsilon(1e-6));
  // Means of tokens that count; an empty response has score 0.
  const ScoredResponses two{Tensor::from({1, 3}, {1, 3, 100}), Tensor::zeros({1, 3}),
                            IntTensor::from({1, 3}, {1, 1, 0})};
  CHECK(dpo_loss(two, one(0)).margin.item() == 4);
  CHECK(dpo_loss(two, one(0), {.reduction = "mean"}).margin.item() == 2);
  CHECK(bradley_terry_loss(Tensor::from({2}, {1, 0}), Tensor::from({2}, {0, 1})).item() ==
        Approx((std::log1p(std::exp(-1.0)) + std::log1p(std::exp(1.0))) / 2).epsilon(1e-6));
  CHECK_THROWS_AS(dpo_loss(two, {two.logp, Tensor::zeros({1, 2}), two.mask}), ShapeError);
  CHECK_THROWS_AS(token_reduction("max"), UsageError);
}

TEST_CASE("policy losses: gradients by central differences" * doctest::skip(!kDouble)) {
  Rng rng(3);
  const ParameterPtr x = make_parameter("x", ParamKind::kWeight, rng.normal_tensor({3, 4})),
                     y = make_parameter("y", ParamKind::kWeight, rng.normal_tensor({3, 4}));
  const Tensor old = rng.normal_tensor({3, 4}), ref = rng.normal_tensor({3, 4}), a = rng.normal_tensor({3});
  const IntTensor mask = IntTensor::from({3, 4}, {1, 1, 0, 1, 1, 1, 1, 1, 0, 0, 0, 1});
  CHECK(grad_check([&] { return grpo_loss(x->value, old, ref, mask, a).loss; }, {x}).worst() < 1e-6);
  CHECK(grad_check([&] { return ppo_clip_loss(x->value, old, ref).loss; }, {x}).worst() < 1e-6);
  const DpoOptions o{.label_smoothing = 0.1, .reduction = "mean"};
  CHECK(grad_check(
            [&] {
              return dpo_loss({x->value, ref, mask}, {y->value, ref, mask}, o).loss;
            },
            {x, y})
            .worst() < 1e-6);
}

TEST_CASE("token scores: log-probabilities and what is refused") {
  const Tensor logits = Tensor::from({1, 2, 2}, {0, 0, 1, 3});
  const Tensor l = token_logp(logits, IntTensor::from({1, 2}, {1, 0}));
  CHECK(l.data()[0] == Approx(-std::log(2.0)).epsilon(1e-6));
  CHECK(l.data()[1] == Approx(-std::log1p(std::exp(2.0))).epsilon(1e-6));
  CHECK_THROWS_AS(token_logp(logits, IntTensor::from({1, 2}, {2, 0})), DataError);
  CHECK_THROWS_AS(token_logp(logits, IntTensor::from({2}, {1, 0})), ShapeError);
}

}  // namespace gradus::policy_loss_tests
