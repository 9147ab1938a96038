// Corruptions: the table, values by hand, the same draws for the same example, refusals.
#include "data/corruptions/corruption.h"

#include <doctest/doctest.h>

#include <cmath>
#include <set>

#include "core/error.h"

using namespace gradus;

namespace gradus::corruption_tests {

// Images brighter to the right, with squares.
class Squares final : public Dataset {
 public:
  Squares(int64 channels, int64 side)
      : Dataset({.name = "slope", .example = {channels, side, side}, .classes = 2}) {}
  int64 size() const override { return 3; }
  int64 label(int64 i) const override { return i % 2; }
  void read_pixels(int64, std::uint8_t* out) const override {
    const int64 side = info_.example[1], n = info_.example.numel();
    for (int64 k = 0; k < n; ++k) {
      const int64 x = k % side, y = k / side % side;
      out[k] = static_cast<std::uint8_t>(127 * x / (side - 1) + 120 * ((x / 3 + y / 4) % 2));
    }
  }
};
std::vector<std::uint8_t> pixels(const Dataset& set, int64 i) {
  std::vector<std::uint8_t> out(static_cast<size_t>(set.info().example.numel()));
  set.read_pixels(i, out.data());
  return out;
}
double distance(const std::vector<std::uint8_t>& a, const std::vector<std::uint8_t>& b) {
  double total = 0;
  for (size_t i = 0; i < a.size(); ++i) total += std::abs(double(a[i]) - double(b[i])) / double(a.size());
  return total;
}
FloatImage flat(double value, int64 side = 32) { return FloatImage(1, side, side, value); }

}  // namespace gradus::corruption_tests
using namespace gradus::corruption_tests;

TEST_CASE(
    "corruptions: fifteen in four groups; stronger is farther; an example's draws are its own and the same "
    "again") {
  CHECK(corruptions().size() == 15);
  std::set<std::string> names, groups;
  for (const Corruption& c : corruptions()) names.insert(c.name), groups.insert(c.group);
  CHECK(names.size() == 15);
  CHECK(groups == std::set<std::string>{"noise", "blur", "weather", "digital"});
  const auto base = std::make_shared<Squares>(3, 28);
  const std::vector<std::uint8_t> clean = pixels(*base, 0);
  for (const Corruption& c : corruptions()) {
    CAPTURE(c.name);
    const DatasetPtr mild = corrupted(base, c.name + ":severity=1"),
                     strong = corrupted(base, c.name + ":severity=5");
    CHECK(pixels(*strong, 0) == pixels(*strong, 0));
    CHECK(distance(clean, pixels(*mild, 0)) < distance(clean, pixels(*strong, 0)));
    CHECK(distance(clean, pixels(*strong, 0)) > 1);
    CHECK(distance(clean, pixels(*mild, 0)) > 0.05);
    CHECK(mild->label(1) == 1);
    CHECK(mild->size() == 3);
  }
  const DatasetPtr noisy = corrupted(base, "gaussian-noise");
  CHECK(pixels(*noisy, 0) != pixels(*noisy, 1));
  CHECK(pixels(*noisy, 0) == pixels(*corrupted(base, "gaussian-noise:severity=3,seed=0"), 0));
  CHECK(pixels(*noisy, 0) != pixels(*corrupted(base, "gaussian-noise:seed=1"), 0));
}

TEST_CASE("corruptions of noise: moments of what they add") {
  Rng rng(1);
  const auto moments = [&](void (*apply)(FloatImage&, int, Rng&), double value, int severity) {
    FloatImage image = flat(value, 100);
    apply(image, severity, rng);
    double mean = 0, square = 0;
    for (const double v : image.v) mean += v / 1e4, square += (v - value) * (v - value) / 1e4;
    return std::pair{mean, std::sqrt(square)};
  };
  CHECK(moments(corruption::gaussian_noise, 0.5, 3).second == doctest::Approx(0.12).epsilon(0.03).scale(0));
  CHECK(moments(corruption::gaussian_noise, 0.5, 5).second == doctest::Approx(0.26).epsilon(0.03).scale(0));
  // Poisson: variance of the counts is their mean; 25 photons at severity 3, 120 at 1 (the normal branch).
  CHECK(moments(corruption::shot_noise, 0.4, 3).first == doctest::Approx(0.4).epsilon(0.02).scale(0));
  CHECK(moments(corruption::shot_noise, 0.4, 3).second ==
        doctest::Approx(std::sqrt(0.4 / 25)).epsilon(0.03).scale(0));
  CHECK(moments(corruption::shot_noise, 0.5, 1).second ==
        doctest::Approx(std::sqrt(0.5 / 120)).epsilon(0.03).scale(0));
  // A share 0.08 becomes 0 or 1, each 0.5 away.
  CHECK(moments(corruption::impulse_noise, 0.5, 3).second ==
        doctest::Approx(0.5 * std::sqrt(0.08)).epsilon(0.06).scale(0));
}

TEST_CASE("corruptions of light, squares and files: values by hand") {
  Rng rng(1);
  FloatImage image = flat(0.5);
  corruption::brightness(image, 4, rng);
  CHECK(image.v[7] == doctest::Approx(0.8));
  image.at(0, 0, 0) = 0.8 + 1024.0 / 1023;  // mean 0.8 + 1/1023 of the others' 0.8
  double mean = 0;
  for (const double v : image.v) mean += v / 1024;
  corruption::contrast(image, 3, rng);
  CHECK(image.v[5] == doctest::Approx(mean + 0.4 * (0.8 - mean)));
  // Eight squares a side at severity 5: means of 4x4.
  FloatImage slope(1, 32, 32);
  for (int64 y = 0; y < 32; ++y)
    for (int64 x = 0; x < 32; ++x) slope.at(0, y, x) = static_cast<double>(x) / 31;
  corruption::pixelate(slope, 5, rng);
  CHECK(slope.at(0, 3, 0) == doctest::Approx(1.5 / 31));
  CHECK(slope.at(0, 3, 3) == doctest::Approx(1.5 / 31));
  CHECK(slope.at(0, 9, 4) == doctest::Approx(5.5 / 31));
  // A flat block has its mean alone: 8 (255 v - 128) is rounded to a multiple of 16*5000/40/100 = 20, severity 1.
  FloatImage block = flat(0.87, 8);
  corruption::jpeg_compression(block, 1, rng);
  const double dc = 8 * (255 * 0.87 - 128);  // 37.54 of these steps
  CHECK(block.v[11] == doctest::Approx((20 * std::round(dc / 20) / 8 + 128) / 255));
  // Colours that no table touches much come back: grey stays grey.
  FloatImage grey(3, 16, 16, 0.25);
  corruption::jpeg_compression(grey, 1, rng);
  CHECK(grey.v[0] == doctest::Approx(grey.v[300]).epsilon(0.02));
}

TEST_CASE("blurs keep a flat image, kernels have sum 1, zoom keeps the middle") {
  Rng rng(2);
  for (const char* name : {"defocus-blur", "glass-blur", "motion-blur", "zoom-blur", "elastic-transform"})
    for (const Corruption& c : corruptions())
      if (c.name == name) {
        FloatImage image = flat(0.3);
        c.apply(image, 5, rng);
        for (const double v : image.v) CHECK(v == doctest::Approx(0.3));
      }
  const BlurKernel line = line_kernel(4, 0);  // level: 5 pixels, whole but for the ends at half
  REQUIRE(line.radius == 2);
  CHECK(line.weights[12] == doctest::Approx(1.0 / 4));
  CHECK(line.weights[10] == doctest::Approx(0.5 / 4));
  CHECK(line.weights[7] == doctest::Approx(0));
  const BlurKernel disc = disc_kernel(1);  // a cross at weight 1/2 around 1, corners max(0, 1.5 - sqrt 2)
  const double corner = 1.5 - std::sqrt(2.0), total = 1 + 4 * 0.5 + 4 * corner;
  CHECK(disc.weights[4] == doctest::Approx(1 / total));
  CHECK(disc.weights[1] == doctest::Approx(0.5 / total));
  CHECK(disc.weights[0] == doctest::Approx(corner / total));
}

TEST_CASE("corruptions: what is wrong is said") {
  const auto base = std::make_shared<Squares>(1, 28);
  CHECK_THROWS_WITH_AS(corrupted(base, "gausian-noise"), doctest::Contains("gaussian-noise"), UsageError);
  CHECK_THROWS_WITH_AS(corrupted(base, "fog:severity=6"), doctest::Contains("severity"), UsageError);
  CHECK_THROWS_AS(corrupted(base, "fog:strength=2"), UsageError);
}
