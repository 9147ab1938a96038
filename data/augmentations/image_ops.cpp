#include "data/augmentations/image_ops.h"

#include <array>

#include "data/pixel_maps.h"

namespace gradus {
namespace {

// other + factor*(image - other), clipped.
void blend(FloatImage& image, const FloatImage& other, double factor) {
  for (size_t i = 0; i < image.v.size(); ++i)
    image.v[i] = std::clamp(other.v[i] + factor * (image.v[i] - other.v[i]), 0.0, 1.0);
}

bool grey(const FloatImage& image) { return image.C != 3; }

}  // namespace

double luma(const FloatImage& image, int64 y, int64 x) {
  if (grey(image)) return image.at(0, y, x);
  return 0.299 * image.at(0, y, x) + 0.587 * image.at(1, y, x) + 0.114 * image.at(2, y, x);
}

void adjust_brightness(FloatImage& image, double factor) {
  image.map([=](double v) { return std::clamp(v * factor, 0.0, 1.0); });
}

void adjust_contrast(FloatImage& image, double factor) {
  double sum = 0;
  for (int64 y = 0; y < image.H; ++y)
    for (int64 x = 0; x < image.W; ++x) sum += luma(image, y, x);
  const double mean = sum / static_cast<double>(image.H * image.W);
  image.map([=](double v) { return std::clamp(mean + factor * (v - mean), 0.0, 1.0); });
}

void adjust_saturation(FloatImage& image, double factor) {
  if (grey(image)) return;
  for (int64 y = 0; y < image.H; ++y)
    for (int64 x = 0; x < image.W; ++x) {
      const double l = luma(image, y, x);
      for (int64 c = 0; c < 3; ++c)
        image.at(c, y, x) = std::clamp(l + factor * (image.at(c, y, x) - l), 0.0, 1.0);
    }
}

void adjust_hue(FloatImage& image, double turn) {
  if (grey(image)) return;
  for (int64 y = 0; y < image.H; ++y)
    for (int64 x = 0; x < image.W; ++x) {
      const double r = image.at(0, y, x), g = image.at(1, y, x), b = image.at(2, y, x);
      const double high = std::max({r, g, b}), chroma = high - std::min({r, g, b});
      if (chroma == 0) continue;
      // hue in sixths of the circle
      double hue = high == r ? (g - b) / chroma : high == g ? 2 + (b - r) / chroma : 4 + (r - g) / chroma;
      hue += 6 * turn;
      const auto channel = [&](double n) {
        const double k = std::fmod(n + hue + 12, 6.0);
        return high - chroma * std::clamp(std::min(k, 4 - k), 0.0, 1.0);
      };
      image.at(0, y, x) = channel(5);
      image.at(1, y, x) = channel(3);
      image.at(2, y, x) = channel(1);
    }
}

void adjust_sharpness(FloatImage& image, double factor) {
  FloatImage smooth = image;
  for (int64 c = 0; c < image.C; ++c)
    for (int64 y = 1; y + 1 < image.H; ++y)
      for (int64 x = 1; x + 1 < image.W; ++x) {
        double sum = 4 * image.at(c, y, x);  // with the one below, five times
        for (int64 dy = -1; dy <= 1; ++dy)
          for (int64 dx = -1; dx <= 1; ++dx) sum += image.at(c, y + dy, x + dx);
        smooth.at(c, y, x) = sum / 13;
      }
  blend(image, smooth, factor);
}

void auto_contrast(FloatImage& image) {
  const auto plane = static_cast<std::ptrdiff_t>(image.H * image.W);
  for (int64 c = 0; c < image.C; ++c) {
    const auto begin = image.v.begin() + c * plane, end = begin + plane;
    const auto [low, high] = std::minmax_element(begin, end);
    const double from = *low, range = *high - *low;
    if (range > 0) std::transform(begin, end, begin, [=](double v) { return (v - from) / range; });
  }
}

void equalise(FloatImage& image) {
  constexpr int kSteps = 256;
  const auto step = [](double v) { return static_cast<size_t>(std::lround(v * (kSteps - 1))); };
  const auto plane = static_cast<size_t>(image.H * image.W);
  for (size_t c = 0; c < static_cast<size_t>(image.C); ++c) {
    std::array<double, kSteps> below{};  // first counts, then the share of pixels up to each step
    for (size_t i = 0; i < plane; ++i) ++below[step(image.v[c * plane + i])];
    double sum = 0;
    for (double& n : below) n = sum += n;
    const double first = *std::find_if(below.begin(), below.end(), [](double n) { return n > 0; });
    if (first == sum) continue;  // flat
    for (size_t i = 0; i < plane; ++i) {
      double& v = image.v[c * plane + i];
      v = (below[step(v)] - first) / (sum - first);
    }
  }
}

void solarise(FloatImage& image, double threshold) {
  image.map([=](double v) { return v < threshold ? v : 1 - v; });
}

void posterise(FloatImage& image, int bits) {
  const int mask = 0xff & ~((1 << (8 - bits)) - 1);
  image.map([=](double v) { return (static_cast<int>(std::lround(v * 255)) & mask) / 255.0; });
}

void move_pixels(FloatImage& image, const AffineMap& m, double outside) {
  const FloatImage before = image;
  const double cy = static_cast<double>(image.H - 1) / 2, cx = static_cast<double>(image.W - 1) / 2;
  for (int64 c = 0; c < image.C; ++c) {
    const double* plane = before.v.data() + c * image.H * image.W;
    for (int64 y = 0; y < image.H; ++y)
      for (int64 x = 0; x < image.W; ++x) {
        const double dx = static_cast<double>(x) - cx, dy = static_cast<double>(y) - cy;
        image.at(c, y, x) = bilinear(plane, image.H, image.W, cy + m.d * dx + m.e * dy + m.f,
                                     cx + m.a * dx + m.b * dy + m.c, outside);
      }
  }
}

FloatImage resized_window(const FloatImage& image, double top, double left, double height, double width) {
  FloatImage out(image.C, image.H, image.W);
  for (int64 c = 0; c < image.C; ++c)
    for (int64 y = 0; y < image.H; ++y)
      for (int64 x = 0; x < image.W; ++x)
        out.at(c, y, x) = image.sample(
            c, top + (static_cast<double>(y) + 0.5) * height / static_cast<double>(image.H) - 0.5,
            left + (static_cast<double>(x) + 0.5) * width / static_cast<double>(image.W) - 0.5);
  return out;
}

}  // namespace gradus
