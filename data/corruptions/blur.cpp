// Corruptions by optics and motion.
#include <numbers>

#include "data/corruptions/corruption.h"

namespace gradus::corruption {

void defocus_blur(FloatImage& image, int severity, Rng&) {
  blur(image, disc_kernel(image.scaled(strength({0.6, 0.9, 1.3, 1.8, 2.5}, severity))));
}

void glass_blur(FloatImage& image, int severity, Rng& rng) {
  const BlurKernel kernel = gaussian_kernel(image.scaled(strength({0.3, 0.4, 0.5, 0.6, 0.7}, severity)));
  const auto reach =
      static_cast<int64>(std::max(1.0, std::round(image.scaled(strength({1, 1, 1, 2, 2}, severity)))));
  const double share = strength({0.2, 0.4, 0.8, 0.6, 1}, severity);
  blur(image, kernel);
  // Pixels change places with one nearby, from the lower right on.
  for (int64 y = image.H - 1; y >= 0; --y)
    for (int64 x = image.W - 1; x >= 0; --x) {
      const int64 to_y = std::clamp<int64>(y + rng.below(2 * reach + 1) - reach, 0, image.H - 1),
                  to_x = std::clamp<int64>(x + rng.below(2 * reach + 1) - reach, 0, image.W - 1);
      if (!rng.bernoulli(share)) continue;
      for (int64 c = 0; c < image.C; ++c) std::swap(image.at(c, y, x), image.at(c, to_y, to_x));
    }
  blur(image, kernel);
}

void motion_blur(FloatImage& image, int severity, Rng& rng) {
  const double angle = rng.uniform(-std::numbers::pi / 4, std::numbers::pi / 4);
  blur(image, line_kernel(image.scaled(strength({2, 3, 4.5, 6, 8}, severity)), angle));
}

void zoom_blur(FloatImage& image, int severity, Rng&) {
  const double most = strength({1.08, 1.14, 1.22, 1.32, 1.45}, severity);
  constexpr int kZooms = 8;
  FloatImage sum(image.C, image.H, image.W);
  const double middle_y = static_cast<double>(image.H - 1) / 2,
               middle_x = static_cast<double>(image.W - 1) / 2;
  for (int k = 0; k < kZooms; ++k) {
    const double zoom = 1 + (most - 1) * k / (kZooms - 1);
    for (int64 c = 0; c < image.C; ++c)
      for (int64 y = 0; y < image.H; ++y)
        for (int64 x = 0; x < image.W; ++x)
          sum.at(c, y, x) += image.sample(c, middle_y + (static_cast<double>(y) - middle_y) / zoom,
                                          middle_x + (static_cast<double>(x) - middle_x) / zoom) /
                             kZooms;
  }
  image = sum;
}

}  // namespace gradus::corruption
