#include "data/digits.h"

#include <doctest/doctest.h>

#include <array>
#include <vector>

#include "core/threads.h"
#include "data/contact_sheet.h"

using namespace gradus;

namespace {

std::uint64_t fnv(const Dataset& data) {
  std::uint64_t hash = 0xcbf29ce484222325;
  std::array<std::uint8_t, kDigitSide * kDigitSide> pixels;
  for (int64 i = 0; i < data.size(); ++i) {
    data.read_pixels(i, pixels.data());
    for (std::uint8_t p : pixels) hash = (hash ^ p) * 0x100000001b3;
  }
  return hash;
}

}  // namespace

TEST_CASE("digits: the same bytes on every machine, whatever the number of threads") {
  const int before = threads();
  for (int n : {1, 2}) {
    set_threads(n);
    const Data data = open_digits({.train = 300, .test = 100});
    CHECK(fnv(*data.train) == 12705131729655914033u);
    CHECK(fnv(*data.test) == 11351573540958149883u);
  }
  set_threads(before);
  CHECK(fnv(*open_digits({.seed = 1, .train = 300}).train) != fnv(*open_digits({.train = 300}).train));
}

TEST_CASE("digits: balanced labels, the sizes asked for, statistics as announced") {
  const Data data = open_digits({});
  CHECK(data.train->size() == 12000);
  CHECK(data.test->size() == 2000);
  CHECK(data.info().example == Shape{1, 28, 28});
  CHECK(data.info().classes == 10);
  std::array<int, 10> counts{};
  for (int64 i = 0; i < 2000; ++i) ++counts[static_cast<std::size_t>(data.test->label(i))];
  for (int c : counts) CHECK(c == 200);
  double sum = 0;
  std::array<std::uint8_t, 784> pixels;
  for (int64 i = 0; i < 2000; ++i) {
    data.test->read_pixels(i, pixels.data());
    for (std::uint8_t p : pixels) sum += p / 255.0;
  }
  CHECK(sum / (2000 * 784) == doctest::Approx(data.info().mean[0]).epsilon(0.02));
}

TEST_CASE("digits: every example bears ink, and classes differ in the mean") {
  std::array<std::uint8_t, 784> pixels;
  std::array<std::array<double, 784>, 10> mean{};
  for (int64 i = 0; i < 1000; ++i) {
    draw_digit(0, 0, i, pixels.data());
    int dark = 0;
    for (std::size_t k = 0; k < 784; ++k) {
      dark += pixels[k] > 128;
      mean[static_cast<std::size_t>(i % 10)][k] += pixels[k] / 100.0;
    }
    CHECK(dark >= 10);
    CHECK(dark < 350);
  }
  for (std::size_t a = 0; a < 10; ++a)
    for (std::size_t b = 0; b < a; ++b) {
      double distance = 0;
      for (std::size_t k = 0; k < 784; ++k) distance += (mean[a][k] - mean[b][k]) * (mean[a][k] - mean[b][k]);
      CHECK(distance > 50000);
    }
}

TEST_CASE("contact sheet: a row a class, zoomed, with frames") {
  const Data data = open_digits({.train = 200});
  const Image sheet = contact_sheet(*data.train, 4);
  CHECK(sheet.channels == 1);
  CHECK(sheet.height == 10 * (2 * 28 + 4) + 4);
  CHECK(sheet.width == 4 * (2 * 28 + 4) + 4);
  CHECK(sheet.pixels[0] == 96);
  std::array<std::uint8_t, 784> pixels;
  data.train->read_pixels(13, pixels.data());  // the second 3
  const auto at = [&](int64 y, int64 x) {
    return sheet.pixels[static_cast<std::size_t>((4 + 3 * 60 + y) * sheet.width + 4 + 60 + x)];
  };
  bool equal = true;
  for (int64 y = 0; y < 56; ++y)
    for (int64 x = 0; x < 56; ++x)
      equal = equal && at(y, x) == pixels[static_cast<std::size_t>(y / 2 * 28 + x / 2)];
  CHECK(equal);
}
