// Prompts at every layer: sizes of projections, what prompts of zeros leave, gradients.
#include "nn/adapters/deep_prompt.h"

#include <cmath>

#include "autograd/functional/functional.h"
#include "core/rng.h"
#include "tests/nn/compare.h"
#include "tests/nn/hashed.h"
#include "tests/precision.h"

using namespace gradus;
using namespace gradus::tests;

namespace gradus::deep_prompt_tests {

const MixingNetwork kNet{numbers({2, 3, 3}, 1), numbers({2, 3, 3}, 2), numbers({4, 3}, 3)};
const Tensor kHidden = numbers({5, 4, 3}, 4);

TEST_CASE("prompts: the deviation of a projection, and of the prompts that it makes") {
  CHECK(projection_deviation(0.8, 50, 1, 1) == doctest::Approx(0.113137).epsilon(1e-5));
  Rng rng(1);
  const Tensor projection = rng.normal_tensor({400, 50}, 0, real(projection_deviation(0.8, 50, 1, 1))),
               z = rng.normal_tensor({50, 40});
  double sum = 0;
  for (int64 i = 0; i < 400; ++i)
    for (int64 k = 0; k < 40; ++k) {
      double p = 0;
      for (int64 j = 0; j < 50; ++j)
        p += double(projection.data()[i * 50 + j]) * double(z.data()[j * 40 + k]);
      sum += p * p;
    }
  CHECK(std::sqrt(sum / 16000) == doctest::Approx(0.8).epsilon(0.05));
  CHECK_THROWS_AS(projection_deviation(1, 0, 1, 1), UsageError);
}

TEST_CASE("prompts: outliers are clipped to three deviations, round by round") {
  Tensor h = numbers({200}, 5);
  const double plain = clipped_deviation(h, 0);
  CHECK(clipped_deviation(h, 5) == doctest::Approx(plain));  // nothing lies outside
  h.mutable_data()[7] = 1000;
  CHECK(clipped_deviation(h, 0) > 50);
  CHECK(clipped_deviation(h, 5) < 0.1 * clipped_deviation(h, 0));
  CHECK(clipped_deviation(Tensor::from({2}, {1, 3}), 3) == doctest::Approx(1));  // the population's
}

TEST_CASE("prompts: zeros leave the network as it is; prompts are added, not put in place; places matter") {
  const Tensor none = prompted_logits(kNet, kHidden, {}, 1);
  CHECK(gap(prompted_logits(kNet, kHidden, Tensor::zeros({2, 2, 3}), 1), none) == 0);
  Tensor first = Tensor::zeros({2, 1, 3});
  first.mutable_data()[0] = real(0.5);
  Tensor moved = kHidden.clone();
  for (int64 n = 0; n < 5; ++n) moved.mutable_data()[n * 12 + 3] += real(0.5);  // token 1
  CHECK(gap(prompted_logits(kNet, kHidden, first, 1), prompted_logits(kNet, moved, {}, 1)) <
        (kDouble ? 1e-14 : 1e-6));
  std::vector<Tensor> inputs;
  prompted_logits(kNet, kHidden, first, 1, &inputs);
  CHECK(inputs.size() == 2);
  CHECK(gap(inputs[0], moved) < 1e-6);
  CHECK_THROWS_AS(prompted_logits(kNet, kHidden, Tensor::zeros({2, 2, 3}), 3), ShapeError);
  CHECK_THROWS_AS(prompted_logits(kNet, kHidden, Tensor::zeros({1, 2, 3}), 1), ShapeError);
  CHECK_THROWS_AS(prompted_logits(kNet, numbers({5, 4, 2}, 1), {}, 1), ShapeError);
}

TEST_CASE("prompts: the loss's gradient is that of finite differences") {
  if (!kDouble) return;
  const IntTensor y = IntTensor::from({5}, {0, 1, 2, 3, 0});
  const Tensor prompts = numbers({2, 2, 3}, 6);
  const auto loss = [&](std::span<const Tensor> p) { return prompted_loss(kNet, kHidden, y, p[0], 1); };
  const Tensor grad = value_and_grad(loss, {{prompts}}).grads[0];
  for (int64 i = 0; i < prompts.numel(); ++i) {
    const auto at = [&](double h) {
      Tensor p = prompts.clone();
      p.mutable_data()[i] += static_cast<real>(h);
      return static_cast<double>(loss({{p}}).item());
    };
    CHECK(static_cast<double>(grad.data()[i]) ==
          doctest::Approx((at(1e-5) - at(-1e-5)) / 2e-5).epsilon(1e-6));
  }
}

}  // namespace gradus::deep_prompt_tests
