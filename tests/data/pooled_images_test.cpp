// Images made small: means over squares by hand, standardised.
#include "data/pooled_images.h"

#include <doctest/doctest.h>

#include <cmath>

#include "core/error.h"
#include "data/registry.h"

using namespace gradus;

TEST_CASE("pooled images: means over squares, of mean 0 and deviation 1; refusals") {
  const DatasetPtr set = open_data("digits").train;
  const std::vector<int64> chosen = {7, 0, 7};
  const PooledImages images = pooled_images(*set, chosen, 4);
  CHECK(images.x.shape() == Shape{3, 49});
  CHECK(images.labels.values() == std::vector<int64>{set->label(7), set->label(0), set->label(7)});
  double sum = 0, square = 0;
  for (const real v : images.x.span()) sum += double(v), square += double(v) * double(v);
  CHECK(std::abs(sum / 147) < 1e-5);
  CHECK(square / 147 == doctest::Approx(1).epsilon(1e-5));
  CHECK(std::equal(images.x.data(), images.x.data() + 49, images.x.data() + 98));
  // One square against the pixels, up to the scale that two others give.
  std::vector<std::uint8_t> pixels(784);
  set->read_pixels(7, pixels.data());
  const auto mean = [&](int64 r, int64 c) {
    double total = 0;
    for (int64 a = 0; a < 4; ++a)
      for (int64 b = 0; b < 4; ++b) total += pixels[static_cast<size_t>((4 * r + a) * 28 + 4 * c + b)];
    return total;
  };
  const auto got = [&](int64 r, int64 c) { return double(images.x.at({0, r * 7 + c})); };
  double largest = 0;
  int64 top = 0;
  for (int64 i = 0; i < 49; ++i)
    if (mean(i / 7, i % 7) > largest) largest = mean(i / 7, i % 7), top = i;
  const double scale = (got(top / 7, top % 7) - got(0, 0)) / (largest - mean(0, 0));
  for (int64 i = 0; i < 49; ++i)
    CHECK(got(i / 7, i % 7) - got(0, 0) ==
          doctest::Approx(scale * (mean(i / 7, i % 7) - mean(0, 0))).epsilon(1e-4));
  CHECK(pooled_images(*set, chosen, 3).x.shape() == Shape{3, 81});
  CHECK_THROWS_AS(pooled_images(*set, chosen, 29), UsageError);
  CHECK_THROWS_AS(pooled_images(*set, {}, 4), UsageError);
}
