// Mixtures, their certificate, attacks and feedback: the figures of the cards.
#include <doctest/doctest.h>

#include <cmath>

#include "autograd/grad.h"
#include "autograd/ops/elementwise.h"
#include "autograd/ops/nn_ops.h"
#include "autograd/ops/reduce.h"
#include "core/error.h"
#include "core/rng.h"
#include "nn/testtime/film.h"
#include "nn/testtime/mixed_classifier.h"
#include "nn/testtime/pgd.h"

using namespace gradus;

namespace gradus::mixing_tests {

double entry(const Tensor& t, int64 i) { return static_cast<double>(t.data()[i]); }

Tensor logs(std::initializer_list<real> p) {
  Tensor t = Tensor::from({1, 3}, p);
  for (int64 i = 0; i < 3; ++i) t.mutable_data()[i] = std::log(t.data()[i]);
  return t;
}

}  // namespace gradus::mixing_tests
using namespace gradus::mixing_tests;

TEST_CASE("mixed_classifier: the card's mixtures") {
  const Tensor g = logs({real(.9), real(.05), real(.05)}), h = logs({real(.2), real(.7), real(.1)});
  const double expected[3][3] = {{-.4780358, -1.1711830, -2.6592600},
                                 {-.5978370, -.9808293, -2.5902672},
                                 {-.7339692, -.8209806, -2.5257286}};
  const double alphas[] = {.4, .5, .6};
  for (int k = 0; k < 3; ++k) {
    const Tensor f = mixed_logits(g, h, Tensor::full({1}, static_cast<real>(alphas[k])));
    double total = 0;
    for (int64 i = 0; i < 3; ++i) {
      CHECK(entry(f, i) == doctest::Approx(expected[k][i]).epsilon(1e-5));
      total += std::exp(entry(f, i));
    }
    CHECK(total == doctest::Approx(1));
  }
  const Tensor alone = mixed_logits(g, h, Tensor::ones({1})), robust = log_softmax(h, 1);
  for (int64 i = 0; i < 3; ++i) CHECK(entry(alone, i) == doctest::Approx(entry(robust, i)));
  // One class without any probability: the floor holds, without gradient.
  const Tensor sure = variable(Tensor::from({1, 2}, {real(1000), real(0)}));
  const Tensor f = mixed_logits(sure, sure, Tensor::full({1}, real(0.5)));
  CHECK(entry(f, 1) == doctest::Approx(std::log(1e-12)));
  CHECK(entry(grad(sum(f), {sure})[0], 1) == 0);
}

TEST_CASE("mixed_classifier: when the robust margin certifies") {
  const Tensor p = Tensor::from(
      {3, 3}, {real(.2), real(.7), real(.1), real(.2), real(.7), real(.1), real(.2), real(.7), real(.1)});
  const CertifiedMargin m =
      certified_margin(p, IntTensor::full({3}, 1), Tensor::from({3}, {real(.6), real(.7), real(.4)}));
  CHECK(entry(m.margin, 0) == doctest::Approx(0.5));
  CHECK(entry(m.required, 0) == doctest::Approx(2.0 / 3));
  CHECK(entry(m.required, 1) == doctest::Approx(0.4285714).epsilon(1e-5));
  CHECK(m.certified[0] == 0);
  CHECK(m.certified[1] == 1);
  CHECK(m.certified[2] == 0);  // below one half nothing is
  CHECK_THROWS_AS(certified_margin(p, IntTensor::full({3}, 3), Tensor::ones({3})), DataError);
}

TEST_CASE("mixing_weight: scores are clamped, statistics move, evaluation reads them") {
  // 1, 2, 3, 10 of mean 4 and deviation 4.0824829: clamped to 1.5505103, 2, 3, 6.4494897.
  const double kept[] = {1.5505103, 2, 3, 6.4494897};
  double mu = 0, biased = 0;
  for (const double v : kept) mu += v / 4;
  for (const double v : kept) biased += (v - mu) * (v - mu) / 4;
  RunningScore running{0, 1};
  MixingWeightOptions o;
  o.eps = 1e-12;
  const MixingWeight w =
      mixing_weight(Tensor::from({4}, {real(1), real(2), real(3), real(10)}), running, true, o);
  for (int64 i = 0; i < 4; ++i)
    CHECK(entry(w.gamma, i) == doctest::Approx(2 * (kept[i] - mu) / std::sqrt(biased) + 0.4).epsilon(1e-5));
  CHECK(running.mean == doctest::Approx(0.01 * mu).epsilon(1e-5));
  CHECK(running.var == doctest::Approx(0.99 + 0.01 * biased * 4 / 3).epsilon(1e-5));
  RunningScore fixed{1, 4};
  o.alpha_scale = 0.5, o.alpha_bias = 0.25;
  const MixingWeight e = mixing_weight(Tensor::from({1}, {real(3)}), fixed, false, o);
  CHECK(entry(e.gamma, 0) == doctest::Approx(2.4));
  CHECK(entry(e.alpha, 0) == doctest::Approx(0.25 + 0.5 / (1 + std::exp(-2.4))));
  CHECK(fixed.mean == 1);
  CHECK_THROWS_AS(mixing_weight(Tensor::ones({1}), fixed, true, o), DataError);
}

TEST_CASE("composite_loss: the card's parts") {
  // Logits with cross-entropy 0.5: p_y = exp(-1/2).
  const double p = std::exp(-0.5);
  const Tensor logits =
      Tensor::from({1, 2}, {static_cast<real>(std::log(p)), static_cast<real>(std::log(1 - p))});
  const IntTensor label = IntTensor::full({1}, 0);
  const Tensor one = Tensor::ones({1});
  CompositeLossOptions b;
  b.ce = b.prod = 0;
  CHECK(static_cast<double>(composite_loss(logits, label, one, one, one, b).item()) ==
        doctest::Approx(.3132617).epsilon(1e-5));
  CHECK(static_cast<double>(composite_loss(logits, label, one, Tensor::zeros({1}), one, b).item()) ==
        doctest::Approx(1.3132617).epsilon(1e-5));
  CHECK(static_cast<double>(composite_loss(logits, label, one, one, one).item()) ==
        doctest::Approx(.5789248).epsilon(1e-5));
  CHECK(static_cast<double>(composite_loss(logits, label, one, one, Tensor::full({1}, 2)).item()) ==
        doctest::Approx(2 * .5789248).epsilon(1e-5));
}

TEST_CASE("pgd_attack: stays in both boxes, climbs, takes momentum") {
  const Tensor x = Tensor::from({1, 3}, {real(0.05), real(0.5), real(0.98)});
  const Tensor slope = Tensor::from({1, 3}, {real(-1), real(2), real(3)});
  PgdOptions o;
  o.steps = 10;
  const Attacked a = pgd_attack([&](const Tensor& t) { return sum(t * slope); }, x, Tensor::zeros({1, 3}), o);
  CHECK(entry(a.x, 0) == doctest::Approx(0));    // cut off at 0
  CHECK(entry(a.x, 1) == doctest::Approx(0.6));  // and at eps
  CHECK(entry(a.x, 2) == doctest::Approx(1));    // and at 1
  REQUIRE(a.losses.size() == 10);
  CHECK(a.losses[0] == doctest::Approx(-0.05 + 1 + 2.94));
  CHECK(a.losses[1] == doctest::Approx(-0.025 + 1.05 + 3));
  o.steps = 0;
  const Attacked start = pgd_attack([&](const Tensor& t) { return sum(t); }, x, Tensor::ones({1, 3}), o);
  CHECK(entry(start.x, 1) == doctest::Approx(0.6));
  CHECK(entry(start.x, 2) == doctest::Approx(1));
  // Once uphill with slope 4, then downhill with slope -1: without momentum back, with it on.
  const Tensor low = Tensor::full({1, 1}, real(0.5));
  const auto turned = [](const Tensor& t) { return t.item() > real(0.51) ? -sum(t) : sum(t) * real(4); };
  o.steps = 2;
  CHECK(entry(pgd_attack(turned, low, Tensor::zeros({1, 1}), o).x, 0) == doctest::Approx(0.5));
  o.momentum_decay = 0.5;
  CHECK(entry(pgd_attack(turned, low, Tensor::zeros({1, 1}), o).x, 0) == doctest::Approx(0.55));
}

TEST_CASE("film: heads of zero change nothing, a constant shift is a bias, global heads see the mean") {
  Rng rng(5);
  const Tensor f = rng.normal_tensor({2, 3, 4, 4}), e = rng.normal_tensor({2, 2, 2, 2});
  FilmHead zero{Tensor::zeros({3, 2, 3, 3}), Tensor::zeros({3}), {}, {}};
  const Tensor plain = relu(f);
  Tensor y = film_modulation(f, e, zero);
  for (int64 i = 0; i < y.numel(); ++i) CHECK(y.data()[i] == plain.data()[i]);
  zero.beta_bias = Tensor::from({3}, {real(1), real(-1), real(0.5)});
  y = film_modulation(f, e, zero);
  for (int64 i = 0; i < y.numel(); ++i)
    CHECK(entry(y, i) == doctest::Approx(std::max(entry(f, i) + entry(zero.beta_bias, i / 16 % 3), 0.0)));
  FilmOptions o;
  o.spatial = false, o.film = "full";
  FilmHead global{Tensor::zeros({3, 2}), Tensor::zeros({3}), Tensor::ones({3, 2}), Tensor::zeros({3})};
  y = film_modulation(f, e, global, o);
  for (int64 i = 0; i < y.numel(); ++i) {
    double alpha = 0;
    for (int64 k = 0; k < 8; ++k) alpha += entry(e, i / 48 * 8 + k) / 4;
    CHECK(entry(y, i) == doctest::Approx(std::max((1 + alpha) * entry(f, i), 0.0)).epsilon(1e-4));
  }
  global.alpha_weight = Tensor();
  CHECK_THROWS_AS(film_modulation(f, e, global, o), ShapeError);
}

TEST_CASE("film: what the controller sees, and distances on the mask") {
  const Tensor target = Tensor::from({1, 1, 1, 3}, {real(1), real(2), real(3)}),
               seen = Tensor::full({1, 1, 1, 3}, 7);
  const IntTensor valid = IntTensor::from({1, 1, 1, 3}, {1, 0, 1});
  const IntTensor mask =
      feedback_mask(Tensor::from({1, 1, 1, 3}, {real(0.1), real(0.1), real(0.9)}), valid, 0.5);
  CHECK(mask[0] == 1);
  CHECK(mask[1] == 0);
  CHECK(mask[2] == 0);
  const Tensor input = controller_input(target, seen, mask_values(mask));
  const double expected[] = {1, 0, 0, 7, 0, 0};
  for (int64 i = 0; i < 6; ++i) CHECK(entry(input, i) == expected[i]);
  const Tensor p = Tensor::from({3}, {real(1), real(2), real(3)}),
               t = Tensor::from({3}, {real(0), real(2), real(5)}),
               m = Tensor::from({3}, {real(1), real(1), real(0)});
  CHECK(static_cast<double>(masked_l1(p, t, m).item()) == doctest::Approx(1.0 / 3));
  MaskedL1Options o;
  o.reduction = "valid";
  CHECK(static_cast<double>(masked_l1(p, t, m, o).item()) == doctest::Approx(0.5));
  CHECK(masked_l1(p, t, Tensor::zeros({3}), o).item() == 0);
}
