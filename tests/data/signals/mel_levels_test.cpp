// Levels of mel bands: a tone's band and level, silence, doubling.
#include "data/signals/mel_levels.h"

#include <doctest/doctest.h>

#include <cmath>
#include <numbers>

#include "core/error.h"

using namespace gradus;

TEST_CASE("mel levels: a tone's power is in the bands around it, 94 dB for a mean square of 1") {
  const int64 rate = 16000;
  std::vector<double> tone(8000);
  for (size_t i = 0; i < tone.size(); ++i)
    tone[i] = std::sqrt(2.0) * std::sin(2 * std::numbers::pi * 1000 * double(i) / double(rate));
  MelOptions o;
  o.frames = 4, o.bands = 32;
  const Tensor levels = mel_levels(tone, rate, o);
  REQUIRE(levels.shape() == Shape{4, 32});
  const double place = 2595 * std::log10(1 + 1000 / 700.0) / (2595 * std::log10(1 + 8000 / 700.0)) * 32 - 0.5;
  for (int64 f = 0; f < 4; ++f) {
    double power = 0;
    int64 loudest = 0;
    for (int64 b = 0; b < 32; ++b) {
      const double db = static_cast<double>(levels.data()[32 * f + b]);
      if (db > 0) power += std::pow(10, db / 10);
      if (levels.data()[32 * f + b] > levels.data()[32 * f + loudest]) loudest = b;
    }
    CHECK(10 * std::log10(power) == doctest::Approx(94).epsilon(2e-3));
    CHECK(loudest == std::llround(place));
  }
  for (double& v : tone) v *= 0.1;
  const Tensor softer = mel_levels(tone, rate, o);
  const int64 at = std::llround(place);
  CHECK(static_cast<double>(levels.data()[at] - softer.data()[at]) == doctest::Approx(20).epsilon(1e-3));
  const Tensor silence = mel_levels(std::vector<double>(2000), rate, o);
  for (int64 i = 0; i < silence.numel(); ++i) CHECK(silence.data()[i] == 0);
  CHECK_THROWS_AS(mel_levels(std::vector<double>(1000), rate, o), DataError);
}
