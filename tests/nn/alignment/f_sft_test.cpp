// Fine-tuning with a divergence of choice: the card's figures, continuity at the edges, ordinary fine-tuning as tv.
#include "nn/alignment/f_sft.h"

#include <doctest/doctest.h>

#include <cmath>

#include "autograd/grad.h"
#include "autograd/grad_check.h"
#include "autograd/ops/elementwise.h"
#include "autograd/ops/nn_ops.h"
#include "autograd/ops/reduce.h"
#include "autograd/ops/shape_ops.h"
#include "core/error.h"
#include "core/rng.h"
#include "tests/precision.h"

namespace gradus::f_sft_tests {

using doctest::Approx;
using tests::kDouble;

FSftLoss at(double x, const std::string& divergence, double beta = 1) {
  return f_sft_loss(Tensor::full({1, 1}, static_cast<real>(x)), Tensor::zeros({1, 1}),
                    IntTensor::full({1, 1}, 1), {.divergence = divergence, .beta = beta});
}

TEST_CASE("f_sft: losses and weights of the card") {
  const double figures[][4] = {// x, tv, chi2, hellinger
                               {0.5, -0.5, -0.4375, -1.0 / 3},
                               {-0.5, 0.5, 0.5625, 1},
                               {0, 0, 0, 0}};
  const double weights[][4] = {{0.5, 1, 0.75, 4.0 / 9}, {-0.5, 1, 1.25, 4}, {0, 1, 1, 1}};
  const char* names[] = {"tv", "chi2", "hellinger"};
  for (int i = 0; i < 3; ++i)
    for (int k = 0; k < 3; ++k) {
      INFO(names[k] << " at " << figures[i][0]);
      CHECK(at(figures[i][0], names[k]).loss.item() == Approx(figures[i][k + 1]).epsilon(1e-6));
      CHECK(at(weights[i][0], names[k]).weight.item() == Approx(weights[i][k + 1]).epsilon(1e-5));
    }
  CHECK(at(0.5, "reverse_kl").loss.item() == Approx(std::exp(-0.5) - 1).epsilon(1e-6));
  CHECK(at(0.5, "js").weight.item() == Approx(std::exp(-0.5) / (2 - std::exp(-0.5))).epsilon(1e-6));
  CHECK(at(0.25, "tv", 2).loss.item() == -0.5);
}

TEST_CASE("f_sft: beyond its domain phi is a line that meets it in value and slope") {
  for (const auto& [name, edge] : {std::pair("hellinger", -0.9), std::pair("js", -0.6)}) {
    INFO(name);
    const FSftLoss inside = at(edge + 1e-4, name), outside = at(edge - 1e-4, name), far = at(edge - 1, name);
    CHECK(inside.loss.item() == Approx(outside.loss.item()).epsilon(0.01));
    CHECK(inside.weight.item() == Approx(outside.weight.item()).epsilon(0.01));
    CHECK(far.weight.item() == Approx(outside.weight.item()).epsilon(1e-6));
    CHECK(far.loss.item() - outside.loss.item() == Approx(outside.weight.item() * (1 - 1e-4)).epsilon(1e-3));
  }
  CHECK(at(-1, "hellinger").loss.item() == Approx(19).epsilon(1e-5));  // -(-9 + 100*(-0.1))
  CHECK(at(-2, "hellinger").weight.item() == Approx(100).epsilon(1e-5));
}

TEST_CASE("f_sft: tv is ordinary fine-tuning whatever the reference, at the reference all are") {
  Rng rng(1);
  const Tensor ref = rng.normal_tensor({2, 3, 5}), other = rng.normal_tensor({2, 3, 5});
  const IntTensor targets = IntTensor::from({2, 3}, {0, 4, 2, 1, 1, 3}), mask = IntTensor::full({2, 3}, 1);
  const auto gradient = [&](const Tensor& from, const Tensor& reference, const std::string& divergence) {
    const Tensor x = variable(from);
    return grad(
        f_sft_loss(token_logp(x, targets), token_logp(reference, targets), mask, {.divergence = divergence})
            .loss,
        {x})[0];
  };
  const auto gap = [](const Tensor& a, const Tensor& b) { return max(abs(a - b)).item(); };
  const Tensor x = variable(other);
  const Tensor entropy = grad(cross_entropy(reshape(x, {6, 5}), targets.view({6})), {x})[0];
  CHECK(gap(gradient(other, ref, "tv"), entropy) < 1e-6);
  CHECK(gap(gradient(other, other, "tv"), entropy) < 1e-6);
  for (const char* name : {"chi2", "hellinger", "reverse_kl", "js"}) {
    INFO(name);
    CHECK(gap(gradient(ref, ref, name), gradient(ref, ref, "tv")) < 1e-6);
    CHECK(gap(gradient(other, ref, name), gradient(other, ref, "tv")) > 1e-3);
  }
  // The loss itself differs from cross-entropy by the reference's mean.
  const double loss = f_sft_loss(token_logp(other, targets), token_logp(ref, targets), mask).loss.item();
  CHECK(loss == Approx(cross_entropy(reshape(other, {6, 5}), targets.view({6})).item() +
                       mean(token_logp(ref, targets)).item())
                    .epsilon(1e-5));
}

TEST_CASE("f_sft: masked tokens, and gradients by central differences") {
  const Tensor logp = Tensor::from({1, 3}, {-1, real(-0.2), real(-2.5)}),
               ref = Tensor::from({1, 3}, {-1, -1, -1});
  const IntTensor mask = IntTensor::from({1, 3}, {1, 0, 1});
  const FSftLoss l = f_sft_loss(logp, ref, mask, {.divergence = "chi2"});
  CHECK(l.implicit_reward.values() == std::vector<real>{0, 0, real(-1.5)});
  CHECK(l.weight.values() == std::vector<real>{1, 0, real(1.75)});
  CHECK(l.loss.item() == Approx((1.5 + 2.25 / 4) / 2));
  CHECK_THROWS_AS(f_sft_loss(logp, ref, IntTensor::full({1, 3}, 0)), DataError);
  CHECK_THROWS_AS(f_sft_phi(logp, "kl"), UsageError);
  if (!kDouble) return;
  const ParameterPtr p = make_parameter("logp", ParamKind::kWeight, logp.clone());
  for (const char* name : {"tv", "chi2", "hellinger", "reverse_kl", "js"}) {
    INFO(name);
    const FSftOptions o{.divergence = name, .beta = 0.7};
    CHECK(grad_check([&] { return f_sft_loss(p->value, ref, mask, o).loss; }, {p}).worst() < 1e-6);
  }
}

TEST_CASE("f_sft: logits as values of actions") {
  Rng rng(2);
  const Tensor logits = rng.normal_tensor({3, 4});
  const ImplicitQ one = implicit_q(logits), shifted = implicit_q(logits + real(3));
  const Tensor log_p = log_softmax(logits);
  for (int64 i = 0; i < 12; ++i) {
    CHECK(one.advantage.data()[i] == Approx(log_p.data()[i]).epsilon(1e-5));
    CHECK(shifted.advantage.data()[i] == Approx(one.advantage.data()[i]).epsilon(1e-4));
    CHECK(shifted.q.data()[i] == Approx(one.q.data()[i] + 3).epsilon(1e-5));
  }
  for (int64 t = 0; t < 3; ++t) CHECK(shifted.v.data()[t] == Approx(one.v.data()[t] + 3).epsilon(1e-5));
  CHECK(one.value_gain.data()[0] == 0);
  CHECK(implicit_q(logits, 2).v.data()[1] == Approx(2 * one.v.data()[1]).epsilon(1e-6));
}

}  // namespace gradus::f_sft_tests
