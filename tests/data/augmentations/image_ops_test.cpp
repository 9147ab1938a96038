#include "data/augmentations/image_ops.h"

#include <doctest/doctest.h>

#include "core/error.h"
#include "core/image_fit.h"
#include "data/augment.h"
#include "data/contact_sheet.h"
#include "data/images.h"

using namespace gradus;

namespace {

FloatImage of_values(int64 channels, int64 height, int64 width, std::vector<double> values) {
  FloatImage image(channels, height, width);
  image.v = std::move(values);
  return image;
}

void same(const FloatImage& image, const std::vector<double>& values) {
  REQUIRE(image.v.size() == values.size());
  for (size_t i = 0; i < values.size(); ++i) {
    CAPTURE(i);
    CHECK(image.v[i] == doctest::Approx(values[i]).epsilon(1e-12));
  }
}

}  // namespace

TEST_CASE("augmentations: brightness, contrast, saturation, hue by hand") {
  FloatImage a = of_values(1, 1, 3, {0.2, 0.4, 0.9});
  adjust_brightness(a, 1.5);
  same(a, {0.3, 0.6, 1});
  FloatImage b = of_values(1, 1, 3, {0.2, 0.4, 0.9});  // mean 0.5
  adjust_contrast(b, 0.5);
  same(b, {0.35, 0.45, 0.7});
  FloatImage c = of_values(3, 1, 1, {1, 0.5, 0});  // luma 0.299 + 0.2935 = 0.5925
  CHECK(luma(c, 0, 0) == doctest::Approx(0.5925));
  FloatImage grey = c;
  adjust_saturation(grey, 0);
  same(grey, {0.5925, 0.5925, 0.5925});
  // Orange (hue 30 degrees) turned by a third of the circle is at 150 degrees: (0, 1, 0.5); by half, at 210: (0, 0.5, 1).
  FloatImage third = c, half = c;
  adjust_hue(third, 1.0 / 3);
  same(third, {0, 1, 0.5});
  adjust_hue(half, 0.5);
  same(half, {0, 0.5, 1});
  adjust_hue(half, -0.5);
  same(half, {1, 0.5, 0});
}

TEST_CASE("augmentations: sharpness, tone curves by hand") {
  FloatImage dot(1, 3, 3, 0);
  dot.at(0, 1, 1) = 1;
  adjust_sharpness(dot, 0);  // 5/13 of the centre is left
  CHECK(dot.at(0, 1, 1) == doctest::Approx(5.0 / 13));
  CHECK(dot.at(0, 0, 0) == 0);
  FloatImage low = of_values(1, 1, 3, {0.2, 0.3, 0.6});
  auto_contrast(low);
  same(low, {0, 0.25, 1});
  FloatImage even =
      of_values(1, 1, 4, {0.1, 0.1, 0.2, 0.9});  // up to each: 2, 2, 3, 4 of 4; the first 2 become 0
  equalise(even);
  same(even, {0, 0, 0.5, 1});
  FloatImage sun = of_values(1, 1, 3, {0.2, 0.5, 0.9});
  solarise(sun, 0.5);
  same(sun, {0.2, 0.5, 0.1});
  FloatImage poster = of_values(1, 1, 2, {200.0 / 255, 100.0 / 255});  // 11001000, 01100100
  posterise(poster, 2);
  same(poster, {192.0 / 255, 64.0 / 255});
}

TEST_CASE("augmentations: moved pixels and windows") {
  FloatImage row = of_values(1, 1, 4, {0.1, 0.2, 0.3, 0.4});
  FloatImage moved = row;
  move_pixels(moved, {.c = 1}, 0.7);  // each takes its right neighbour
  same(moved, {0.2, 0.3, 0.4, 0.7});
  FloatImage turned = of_values(1, 3, 3, {1, 2, 3, 4, 5, 6, 7, 8, 9});
  move_pixels(turned, {.a = 0, .b = -1, .d = 1, .e = 0}, 0);  // (x, y) comes from (-y, x): a quarter turn
  same(turned, {3, 6, 9, 2, 5, 8, 1, 4, 7});
  // The right half of the row, twice as wide: centres at 1.75, 2.25, 2.75, 3.25.
  same(resized_window(row, 0, 2, 1, 2), {0.275, 0.325, 0.375, 0.4});
  same(resized_window(row, 0, 0, 1, 4), {0.1, 0.2, 0.3, 0.4});
}

TEST_CASE("augmentations: what draws nothing changes nothing; the strength of rand-augment") {
  DatasetInfo info;
  info.example = {1, 2, 2};
  info.classes = 1;
  info.mean = {0.5};
  info.std = {0.25};
  const std::vector<real> image = {-2, -1, 0, 2};  // 0, 0.25, 0.5, 1
  for (const char* chain :
       {"resized-crop(scale=1,ratio=1)", "colour-jitter(brightness=0,contrast=0,saturation=0)"}) {
    std::vector<real> x = image;
    parse_augmentation(chain).apply_example(x.data(), {0, 0, 1, info});
    for (size_t i = 0; i < 4; ++i)
      CHECK(static_cast<double>(x[i]) == doctest::Approx(static_cast<double>(image[i])).epsilon(1e-6));
  }
  // Of one operation at full strength on this image, drawn for many examples, some leave it, and each stays within [0,1].
  int same_count = 0, turned_over = 0;
  for (int64 i = 0; i < 400; ++i) {
    std::vector<real> x = image;
    parse_augmentation("rand-augment(ops=1,magnitude=30)").apply_example(x.data(), {0, i, 1, info});
    bool equal = true;
    for (size_t k = 0; k < 4; ++k) {
      CHECK(static_cast<double>(x[k]) >= -2 - 1e-6);
      CHECK(static_cast<double>(x[k]) <= 2 + 1e-6);
      equal = equal && std::abs(x[k] - image[k]) < real(1e-6);
    }
    same_count += equal;
    turned_over +=
        std::abs(x[0] - real(2)) < real(1e-6) && std::abs(x[3] + real(2)) < real(1e-6);  // solarised whole
  }
  // identity, auto-contrast, and colour and sharpness (a grey image of two pixels has neither): 4 of 14, some 114 of 400
  CHECK(same_count > 80);
  CHECK(same_count < 150);
  CHECK(turned_over > 10);  // 1 of 14
  CHECK(turned_over < 60);
  CHECK_THROWS_AS(parse_augmentation("rand-augment(magnitude=31)"), UsageError);
}

TEST_CASE("augmentations: a sheet of what training sees") {
  DatasetInfo info;
  info.name = "two";
  info.example = {1, 1, 2};
  info.classes = 2;
  info.mean = {0};
  info.std = {1};
  ByteBuffer pixels(4);
  for (size_t i = 0; i < 4; ++i) pixels.data()[i] = static_cast<std::uint8_t>(60 * i);
  const ImageSet set(info, std::move(pixels), {0, 1});
  const Image sheet = augmentation_sheet(set, parse_augmentation("flip(p=1)"), 0, 1);
  // zoom 28, gap 4: row 1 shows 120 180, then 180 120
  const auto at = [&](int64 y, int64 x) {
    return int(sheet.pixels[static_cast<size_t>(y * sheet.width + x)]);
  };
  CHECK(sheet.width == 2 * (56 + 4) + 4);
  CHECK(sheet.height == 2 * (28 + 4) + 4);
  CHECK(at(4 + 32, 4) == 120);
  CHECK(at(4 + 32, 4 + 28) == 180);
  CHECK(at(4 + 32, 64) == 180);
  CHECK(at(4 + 32, 64 + 28) == 120);
}

TEST_CASE("images: stretch, crop and pad to a size") {
  // 2 x 4: columns 10 20 30 40
  const Image wide{1, 2, 4, {10, 20, 30, 40, 10, 20, 30, 40}};
  CHECK(fit_image(wide, 2, 2, "crop").pixels == std::vector<std::uint8_t>{20, 30, 20, 30});
  CHECK(fit_image(wide, 4, 4, "pad").pixels ==
        std::vector<std::uint8_t>{0, 0, 0, 0, 10, 20, 30, 40, 10, 20, 30, 40, 0, 0, 0, 0});
  CHECK(fit_image(wide, 2, 2, "stretch").pixels == resize(wide, 2, 2).pixels);
  CHECK(fit_image(wide, 2, 4, "crop").pixels == wide.pixels);
  CHECK_THROWS_WITH_AS(fit_image(wide, 2, 2, "corp"), doctest::Contains("crop"), UsageError);
}
