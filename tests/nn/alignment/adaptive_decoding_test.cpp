// The head that chooses temperatures: the card's figures and what must cancel.
#include "nn/alignment/adaptive_decoding.h"

#include <doctest/doctest.h>

#include <cmath>

#include "autograd/grad.h"
#include "autograd/grad_check.h"
#include "autograd/ops/elementwise.h"
#include "autograd/ops/nn_ops.h"
#include "autograd/ops/reduce.h"
#include "core/error.h"
#include "tests/precision.h"

namespace gradus::adaptive_decoding_tests {

using doctest::Approx;
using tests::kDouble;

// One response of one token from a head with these logits.
LatentChoices one(const Tensor& logits, const Tensor& reference) {
  return {logits, reference, IntTensor::full({1, 1}, 1)};
}
IntTensor choice(int64 k) { return IntTensor::full({1, 1}, k); }

TEST_CASE("lpo: losses of the card") {
  Rng rng(1);
  const Tensor head = rng.normal_tensor({1, 1, 3});
  CHECK(lpo_loss(one(head, head), choice(0), one(head, head), choice(2)).loss.item() ==
        Approx(std::log(2.0)).epsilon(1e-6));
  const Tensor uniform = Tensor::zeros({1, 1, 3});
  // pi = (0.5, 0.25, 0.25).
  const Tensor pi = Tensor::from({1, 1, 3}, {real(std::log(2.0)), 0, 0});
  CHECK(lpo_loss(one(pi, uniform), choice(0), one(pi, uniform), choice(1), {.beta = 1}).loss.item() ==
        Approx(0.405465).epsilon(1e-5));
  CHECK(lpo_loss(one(pi, uniform), choice(0), one(pi, uniform), choice(1)).loss.item() ==
        Approx(0.659090).epsilon(1e-6));
}

TEST_CASE("lpo: a uniform reference cancels, equal choices and a single temperature have no gradient") {
  Rng rng(2);
  const Tensor x = variable(rng.normal_tensor({1, 1, 3}));
  const Tensor uniform = Tensor::full({1, 1, 3}, 4);
  const Tensor with = lpo_loss(one(x, uniform), choice(0), one(x, uniform), choice(1)).loss;
  const Tensor without = softplus((token_logp(x, choice(1)) - token_logp(x, choice(0))) * real(0.1));
  CHECK(with.item() == Approx(without.item()).epsilon(1e-6));
  const Tensor a = grad(with, {x})[0], b = grad(sum(without), {x})[0];
  for (int i = 0; i < 3; ++i) CHECK(a.data()[i] == Approx(b.data()[i]).epsilon(1e-5));
  const Tensor same = grad(lpo_loss(one(x, uniform), choice(1), one(x, uniform), choice(1)).loss, {x})[0];
  for (int i = 0; i < 3; ++i) CHECK(std::abs(same.data()[i]) < 1e-8);
  const Tensor single = variable(Tensor::full({1, 1, 1}, 3));
  const PreferenceLoss l = lpo_loss(one(single, single), choice(0), one(single, single), choice(0));
  CHECK(l.loss.item() == Approx(std::log(2.0)).epsilon(1e-6));
  CHECK(grad(l.loss, {single})[0].item() == 0);
}

TEST_CASE("lpo, marginal: the card's probabilities") {
  const Tensor latent =
      Tensor::from({1, 3, 2}, {0, real(std::log(3.0)), 0, real(std::log(3.0)), 0, real(std::log(3.0))});
  const Tensor logits = Tensor::from({1, 3, 3}, {2, 1, 0, 2, 1, 0, 2, 1, 0});
  const Tensor temperatures = Tensor::from({2}, {real(0.5), 1});
  const Tensor p = exp(marginal_logp(latent, logits, IntTensor::from({1, 3}, {0, 1, 2}), temperatures));
  CHECK(p.data()[0] == Approx(0.715634).epsilon(1e-5));
  CHECK(p.data()[1] == Approx(0.212874).epsilon(1e-5));
  CHECK(p.data()[2] == Approx(0.071492).epsilon(1e-4));
  // Temperature 0 is replaced by the smallest one.
  const Tensor cold =
      marginal_logp(latent, logits, IntTensor::from({1, 3}, {1, 1, 1}), Tensor::from({2}, {0, 0}), 0.5);
  CHECK(cold.data()[0] == Approx(log_softmax(logits * real(2)).data()[1]).epsilon(1e-5));
  CHECK_THROWS_AS(marginal_logp(latent, logits, IntTensor::full({1, 3}, 0), Tensor::from({3}, {1, 1, 1})),
                  ShapeError);
}

TEST_CASE("lpo: pairs are the first of the best and of the worst") {
  const std::vector<RankedPair> p = lpo_pairs(Tensor::from({3, 3}, {1, 3, 3, 2, 2, 2, 0, 5, 0}));
  CHECK(p[0].chosen == 1);
  CHECK(p[0].rejected == 0);
  CHECK(p[0].valid);
  CHECK(!p[1].valid);
  CHECK(p[2].rejected == 0);
  CHECK_THROWS_AS(lpo_pairs(Tensor::from({1, 2}, {real(NAN), 1})), DataError);
}

TEST_CASE("tempered sampling: probabilities, greedy at 0, the draw by partial sums") {
  const Tensor logits = Tensor::from({3, 3}, {2, 1, 0, 1, 5, 5, 0, 0, 0});
  const Tensor p = tempered_probs(logits, Tensor::from({3}, {real(0.5), 0, 3}));
  CHECK(p.data()[0] == Approx(1 / (1 + std::exp(-2.0) + std::exp(-4.0))).epsilon(1e-6));
  CHECK(p.rows(1, 2).values() == std::vector<real>{0, 1, 0});
  CHECK(p.data()[8] == Approx(1.0 / 3).epsilon(1e-6));
  const IntTensor t = inverse_sample(p, Tensor::from({3}, {real(0.99), real(0.5), real(0.34)}));
  CHECK(t.values() == std::vector<int64>{2, 1, 1});
  CHECK(inverse_sample(Tensor::from({1, 2}, {real(0.5), real(0.5)}), Tensor::from({1}, {real(0.5)}))[0] == 1);
  CHECK(inverse_sample(Tensor::from({1, 2}, {real(0.5), real(0.4)}), Tensor::from({1}, {real(0.95)}))[0] ==
        1);
  CHECK_THROWS_AS(tempered_probs(logits, Tensor::from({3}, {1, 1, -1})), DataError);
  CHECK_THROWS_AS(tempered_probs(logits, Tensor::from({2}, {1, 1})), ShapeError);
}

TEST_CASE("decoding head: starts with all temperatures alike; gradients by central differences") {
  DecodingHead head(4, 8, 5);
  head.initialise(Rng(3));
  Rng rng(4);
  const Tensor h = rng.normal_tensor({2, 4});
  const Tensor start = head(h);
  for (const real v : start.span()) CHECK(v == 0);
  if (!kDouble) return;
  for (const ParameterPtr& p : head.parameters())
    for (int64 i = 0; i < p->value.numel(); ++i) p->value.mutable_data()[i] = static_cast<real>(rng.normal());
  const Tensor ref = rng.normal_tensor({2, 1, 5});
  const IntTensor c = IntTensor::from({2, 1}, {0, 4}), r = IntTensor::from({2, 1}, {3, 1}),
                  mask = IntTensor::full({2, 1}, 1);
  const auto loss = [&] {
    const Tensor latent = head(h.view({2, 1, 4}));
    return lpo_loss({latent, ref, mask}, c, {latent, ref, mask}, r, {.beta = 0.7}).loss;
  };
  CHECK(grad_check(loss, head.parameters()).worst() < 1e-5);
}

}  // namespace gradus::adaptive_decoding_tests
