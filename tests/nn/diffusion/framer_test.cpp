// Frequency bands and self-distillation: the figures of the card.
#include <doctest/doctest.h>

#include <cmath>
#include <numbers>

#include "autograd/grad.h"
#include "autograd/ops/elementwise.h"
#include "autograd/ops/reduce.h"
#include "core/error.h"
#include "core/rng.h"
#include "nn/diffusion/framer_loss.h"
#include "nn/models/dit.h"
#include "nn/registry.h"

using namespace gradus;

namespace gradus::framer_tests {

double entry(const Tensor& t, int64 i) { return static_cast<double>(t.data()[i]); }

TEST_CASE("frequency bands: Parseval, the centre is the sum, the low band of 7x7 has 9 bins") {
  const Tensor f = Rng(16).normal_tensor({2, 3, 5, 4});
  const Tensor a = spectral_magnitude(f);
  double spectrum = 0, square = 0, total = 0;
  for (int64 i = 0; i < f.numel(); ++i) {
    spectrum += std::pow(entry(a, i) + 1e-6, 2);
    square += std::pow(entry(f, i), 2);
  }
  for (int64 i = 0; i < 20; ++i) total += entry(f, i);
  CHECK(spectrum == doctest::Approx(20 * square).epsilon(1e-5));
  CHECK(entry(a, 2 * 4 + 2) == doctest::Approx(std::abs(total)).epsilon(1e-5));
  CHECK(static_cast<double>(sum(low_band(7, 7, 1.5)).item()) == 9);
  // A constant map has nothing but the centre.
  const Tensor flat = spectral_magnitude(Tensor::full({1, 1, 4, 4}, real(.5)));
  for (int64 i = 0; i < 16; ++i) CHECK(entry(flat, i) == doctest::Approx(i == 10 ? 8 : 0).epsilon(1e-5));
  // A wave along one diagonal has that diagonal's two frequencies, (1,1) and (-1,-1), each half of the 49 places.
  Tensor wave({1, 1, 7, 7});
  for (int64 y = 0; y < 7; ++y)
    for (int64 x = 0; x < 7; ++x)
      wave.mutable_data()[y * 7 + x] =
          static_cast<real>(std::cos(2 * std::numbers::pi * static_cast<double>(x + y) / 7));
  const Tensor two = spectral_magnitude(wave);
  for (int64 i = 0; i < 49; ++i) {
    CAPTURE(i);
    CHECK(entry(two, i) == doctest::Approx(i == 4 * 7 + 4 || i == 2 * 7 + 2 ? 24.5 : 0).epsilon(1e-5));
  }
  CHECK_THROWS_AS(spectral_magnitude(Tensor::ones({2, 2})), ShapeError);
}

TEST_CASE("framer: contrasts of the card") {
  // One sample: s+ = .8, s- = .2.
  const Tensor s = Tensor::from({1, 2}, {real(1), real(0)}), t = Tensor::from({1, 2}, {real(.8), real(.6)}),
               n = Tensor::from({1, 2}, {real(.2), std::sqrt(real(.96))});
  const Contrast c = contrastive_losses(s, t, n);
  CHECK(entry(c.intra, 0) == doctest::Approx(.4374880));
  CHECK(entry(c.inter, 0) == doctest::Approx(.4374880));
  CHECK(entry(contrastive_losses(s, t, t).intra, 0) == doctest::Approx(std::log(2.0)));
  CHECK(entry(contrastive_losses(s, t, {}).intra, 0) == doctest::Approx(0));
  // Two others in the batch whose teachers have .1 with this student.
  const real rest = std::sqrt(real(.99));
  const Tensor students = Tensor::from({3, 2}, {1, 0, 1, 0, 1, 0}),
               teachers = Tensor::from({3, 2}, {real(.8), real(.6), real(.1), rest, real(.1), rest}),
               negatives = Tensor::from({3, 2}, {real(.2), std::sqrt(real(.96)), 0, 1, 0, 1});
  const Contrast batch = contrastive_losses(students, teachers, negatives);
  CHECK(entry(batch.intra, 0) == doctest::Approx(.4374880));
  CHECK(entry(batch.inter, 0) == doctest::Approx(.9329442));
  const double sharp = std::log(1 + std::exp((.2 - .8) / .5));
  CHECK(entry(contrastive_losses(s, t, n, .5).intra, 0) == doctest::Approx(sharp));
}

TEST_CASE("framer: weights by energy and agreement") {
  const auto band = [](double energy) {
    return Band{Tensor::from({1, 2}, {real(1), real(0)}), Tensor::full({1}, static_cast<real>(energy))};
  };
  for (const auto& [teacher, expected] : {std::pair{1.0, 1.0}, std::pair{1.5, 2.0 / 3}, std::pair{2.0, .5}})
    CHECK(entry(modulation_weights(band(1), band(teacher)).faw, 0) == doctest::Approx(expected));
  CHECK(entry(modulation_weights(band(1), band(1)).fam, 0) == doctest::Approx(1));
  const Band across{Tensor::from({1, 2}, {real(-1), real(0)}), Tensor::ones({1})};
  CHECK(entry(modulation_weights(band(1), across).fam, 0) == 0);
}

TEST_CASE("framer: the teacher and later blocks get no gradient; constant maps have no high band") {
  std::vector<Tensor> maps;
  Rng rng(17);
  for (int i = 0; i < 3; ++i) maps.push_back(variable(rng.normal_tensor({2, 2, 4, 4})));
  const std::vector<int64> other = {1, 0};
  const FramerLoss loss = framer_loss(maps, other);
  const std::vector<Tensor> all = grad(loss.loss, maps, {.retain_graph = true, .allow_unused = true});
  CHECK((!all[2].defined() || entry(norm(all[2]), 0) == 0));
  CHECK(entry(norm(all[0]), 0) > 0);
  const std::vector<Tensor> first = grad(loss.layers[0], maps, {.allow_unused = true});
  CHECK((!first[1].defined() || entry(norm(first[1]), 0) == 0));
  CHECK(static_cast<double>(loss.loss.item()) ==
        doctest::Approx(static_cast<double>((loss.layers[0] + loss.layers[1]).item())));
  CHECK(static_cast<double>(framer_loss(maps, other, {.loss_weight = .5, .reduce = "mean"}).loss.item()) ==
        doctest::Approx(static_cast<double>(loss.loss.item()) / 4));
  CHECK_THROWS_AS(framer_loss(maps, std::vector<int64>{1}), ShapeError);
  CHECK_THROWS_AS(framer_loss(maps, std::vector<int64>{1, 7}), DataError);

  const Tensor flat = variable(Tensor::full({1, 1, 4, 4}, real(.5)));
  const std::vector<Tensor> two = {flat, Tensor::full({1, 1, 4, 4}, real(.25))};
  const FramerLoss of_flat = framer_loss(two, std::vector<int64>{0}, {.use_intra = false});
  const Tensor g = grad(of_flat.loss, {flat})[0];
  for (int64 i = 0; i < g.numel(); ++i) CHECK(std::isfinite(entry(g, i)));
  if (sizeof(real) == 8) CHECK(entry(norm(g), 0) == 0);
}

TEST_CASE("dit: taps are maps behind each block, and the output starts at zero") {
  auto model = make_model("dit:patch=2,dim=8,depth=3,heads=2",
                          {.channels = 1, .height = 6, .width = 4, .classes = 3}, Rng(1));
  Input x(Rng(2).normal_tensor({2, 1, 6, 4}));
  CHECK_THROWS_AS((*model)(x), ShapeError);
  x.time = Tensor::from({2}, {real(.1), real(.9)});
  std::vector<Tensor> taps;
  const Tensor y = dynamic_cast<Dit&>(*model).with_taps(x, &taps);
  CHECK(y.shape() == Shape{2, 1, 6, 4});
  CHECK(entry(norm(y), 0) == 0);
  REQUIRE(taps.size() == 3);
  CHECK(taps[0].shape() == Shape{2, 8, 3, 2});
  CHECK(taps[2].values() == taps[0].values());  // blocks start as the identity
  CHECK_THROWS_AS(make_model("dit:patch=4", {.channels = 1, .height = 6, .width = 6, .classes = 3}, Rng(0)),
                  UsageError);
}

}  // namespace gradus::framer_tests
