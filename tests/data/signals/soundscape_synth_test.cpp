// Drawn sounds: their levels, and the truth about mixes by hand.
#include "data/signals/soundscape_synth.h"

#include <doctest/doctest.h>

#include <cmath>

#include "core/error.h"

using namespace gradus;

namespace gradus::synth_tests {

double level_of(const Tensor& db) {
  double power = 0;
  for (int64 i = 0; i < db.numel(); ++i)
    if (db.data()[i] > 0) power += std::pow(10, static_cast<double>(db.data()[i]) / 10);
  return 10 * std::log10(power / static_cast<double>(db.dim(0)));
}

}  // namespace gradus::synth_tests
using namespace gradus::synth_tests;

TEST_CASE("synthetic sounds: maskers of 55 dB in their bands, soundscapes as loud as they say") {
  Rng rng(5);
  SoundSize size;
  size.frames = 32, size.bands = 64;
  for (int k = 0; k < 4; ++k) {
    const MaskerSound m = draw_masker(static_cast<MaskerClass>(k), size, rng);
    CHECK(level_of(m.levels) == doctest::Approx(55).epsilon(1e-3));
    if (m.kind == MaskerClass::kBird)
      for (int64 i = 0; i < m.levels.numel(); ++i)
        if (i % 64 < 40 || i % 64 > 58) CHECK(m.levels.data()[i] == 0);
  }
  for (int i = 0; i < 5; ++i) {
    const AmbientSound a = draw_ambient(size, rng);
    CHECK(a.level >= 50);
    CHECK(a.level <= 75);
    CHECK(level_of(a.levels) == doctest::Approx(a.level).epsilon(1e-3));
    CHECK(a.annoyance > 0);
    CHECK(a.annoyance <= 1);
    CHECK(level_of(a.traffic) <= a.level + 1e-3);
  }
}

TEST_CASE("synthetic sounds: how pleasant a mix truly is, by hand") {
  // One frame of 64 bands at 58 - 10 log10(64) dB: 58 dB in all, half of it traffic by power, annoying to 0.5.
  const real cell = static_cast<real>(58 - 10 * std::log10(64.0));
  AmbientSound a{Tensor::full({1, 64}, cell), Tensor::full({1, 64}, cell - real(3)), 58, 0.5};
  CHECK(true_pleasantness(a, nullptr, 0).y == doctest::Approx(std::tanh(-0.2)));
  // A water masker over the upper half, 55 dB in all: 6 dB more a cell than the ambient's at +6 dB gain.
  MaskerSound water{Tensor::zeros({1, 64}), MaskerClass::kWater};
  for (int64 f = 32; f < 64; ++f)
    water.levels.mutable_data()[f] = static_cast<real>(55 - 10 * std::log10(32.0));
  // SMR + 3 = 58 - 61 + 3 = 0: audibility is the share of cells, 1/2; no cell below band 15 is masked.
  const TruePleasantness t = true_pleasantness(a, &water, 6);
  CHECK(t.audibility == doctest::Approx(0.5));
  CHECK(t.y == doctest::Approx(std::tanh(0.6 * 0.5 - 0.2)));
  // 20 dB more: 81 dB in all, 16.02 above 65; far too loud.
  const double loud = 10 * std::log10(std::pow(10, 5.8) + std::pow(10, 8.1)),
               heard = 0.5 * std::exp(-std::pow(20.0 / 8, 2));
  CHECK(true_pleasantness(a, &water, 26).y ==
        doctest::Approx(std::tanh(0.6 * heard - 0.06 * (loud - 65) - 0.2)));
  // Wind over every cell hides all the traffic.
  const MaskerSound wind{Tensor::full({1, 64}, cell - real(3)), MaskerClass::kWind};
  CHECK(true_pleasantness(a, &wind, 0.1).y ==
        doctest::Approx(std::tanh(0.1 * std::exp(-std::pow(5.9 / 8, 2)) - 0.2 + 0.5)));
  const MaskerSound other{Tensor::zeros({2, 64}), MaskerClass::kWind};
  CHECK_THROWS_AS(true_pleasantness(a, &other, 0), ShapeError);
  Rng rng(6);
  double mean = 0, square = 0;
  for (int i = 0; i < 4000; ++i) {
    const double y = rated_pleasantness({0.1, 1}, rng);
    mean += y / 4000, square += y * y / 4000;
  }
  CHECK(mean == doctest::Approx(0.1).epsilon(0.15));
  CHECK(square - mean * mean == doctest::Approx(0.0325).epsilon(0.1));
}
