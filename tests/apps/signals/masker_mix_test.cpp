// `gradus data mix`: the levels of what is laid over a recording, refusals.
#include "apps/signals/masker_mix.h"

#include <doctest/doctest.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "core/error.h"
#include "tests/apps/in_process.h"

using namespace gradus;
using namespace gradus::tests;

namespace gradus::masker_mix_tests {

Sound noise(std::uint64_t seed, double deviation, int64 rate = 8000, size_t length = 4000) {
  Rng rng(seed);
  Sound s{rate, {std::vector<double>(length)}};
  for (double& v : s.channels[0]) v = deviation * rng.normal();
  return s;
}
double level(const std::vector<double>& samples) {
  double squares = 0;
  for (const double v : samples) squares += v * v / double(samples.size());
  return 10 * std::log10(squares) + 94;
}

}  // namespace gradus::masker_mix_tests
using namespace gradus::masker_mix_tests;

TEST_CASE("masker mix: the masker is as loud beside the ambient sound as its gain says") {
  const Sound ambient = noise(1, 0.01), masker = noise(2, 0.1, 8000, 1500);  // 54 dB; 74 dB, repeated
  MaskerMixOptions o;
  o.mixes = 64, o.epochs = 1, o.gains = {15};
  MaskerMix found;
  for (o.seed = 0; o.seed < 20; ++o.seed) {
    found = mix_masker(ambient, {masker}, {"a.wav", "m.wav"}, o, [](double) {});
    if (found.choice.masker == 0) break;
  }
  CHECK(found.ambient_level == doctest::Approx(54).epsilon(0.01));
  REQUIRE(found.choice.masker == 0);  // one of twenty networks likes it
  std::vector<double> added = found.mix.channels[0];
  REQUIRE(added.size() == 4000);
  for (size_t i = 0; i < added.size(); ++i) added[i] -= ambient.channels[0][i];
  CHECK(level(added) == doctest::Approx(70).epsilon(0.01));
  CHECK(added[1500] == doctest::Approx(added[0]));
  // A recording that is said to be 20 dB louder than its samples: all of the mix stays with the samples.
  o.level = found.ambient_level + 20;
  const MaskerMix scaled = mix_masker(ambient, {masker}, {"a.wav", "m.wav"}, o, [](double) {});
  if (scaled.choice.masker == 0) {
    std::vector<double> lower = scaled.mix.channels[0];
    for (size_t i = 0; i < lower.size(); ++i) lower[i] -= ambient.channels[0][i];
    CHECK(level(lower) == doctest::Approx(50).epsilon(0.01));
  }
}

TEST_CASE("masker mix: the command writes a file and says what it chose; what is wrong is said") {
  const TempDir dir;
  write_wav(dir / "a.wav", noise(1, 0.02));
  write_wav(dir / "m.wav", noise(2, 0.05));
  write_wav(dir / "other.wav", noise(3, 0.05, 16000));
  write_wav(dir / "silent.wav", {8000, {std::vector<double>(2000)}});
  const Output o = run({"data", "mix", dir / "a.wav", dir / "m.wav", "--mixes", "64", "--epochs", "1",
                        "--json", "--quiet", "--out", dir / "mix.wav"});
  CHECK(o.code == kOk);
  const auto json = nlohmann::json::parse(o.text);
  CHECK(json.contains("masker"));
  CHECK(read_wav(dir / "mix.wav").length() == 4000);
  const auto mixed = [&](const std::string& masker, const std::string& gains = "0") {
    return run({"data", "mix", dir / "a.wav", dir / masker, "--gains", gains, "--mixes", "64", "--epochs",
                "1", "--quiet", "--out", dir / "x.wav"});
  };
  CHECK_THROWS_WITH_AS(mixed("other.wav"), doctest::Contains("16000"), DataError);
  CHECK_THROWS_WITH_AS(mixed("silent.wav"), doctest::Contains("silent"), DataError);
  CHECK_THROWS_WITH_AS(mixed("m.wav", "3,x"), doctest::Contains("'x'"), UsageError);
  CHECK_THROWS_AS(mixed("none.wav"), DataError);
}
