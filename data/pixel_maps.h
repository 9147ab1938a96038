// Fixed changes of 8-bit images, as views apply them: turned, inverted, permuted.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <functional>

#include "core/shape.h"

namespace gradus {

using PixelMap = std::function<void(std::uint8_t* pixels, const Shape& chw)>;

/// Turns images of shape `chw` by `degrees` counter-clockwise about their centre, bilinear, black from
/// outside. Quarter turns of square images are exact.
PixelMap rotation_map(double degrees, const Shape& chw);
/// Permutes the pixels of each channel alike, in the random order that `seed` gives ("permuted MNIST").
PixelMap permutation_map(int64 seed, const Shape& chw);
/// pixel -> 255 - pixel.
void invert_pixels(std::uint8_t* pixels, const Shape& chw);

/// The image turned about its centre at (y, x): where output pixel (y, x) comes from.
struct Turn {
  Turn(double degrees, int64 height, int64 width);
  void source(int64 y, int64 x, double& from_y, double& from_x) const {
    const double dy = static_cast<double>(y) - centre_y, dx = static_cast<double>(x) - centre_x;
    from_x = centre_x + cosine * dx - sine * dy;
    from_y = centre_y + sine * dx + cosine * dy;
  }
  double cosine, sine, centre_y, centre_x;
};

/// Bilinear value of a plane (height, width) at (y, x); `outside` beyond the border.
template <class T>
double bilinear(const T* plane, int64 height, int64 width, double y, double x, double outside) {
  constexpr double kHair = 1e-9;  // positions that rounding puts a hair beside a pixel are that pixel
  const double top = std::floor(y + kHair), left = std::floor(x + kHair);
  const double down = std::max(0.0, y - top), right = std::max(0.0, x - left);
  const auto at = [&](double py, double px) {
    const auto iy = static_cast<int64>(py), ix = static_cast<int64>(px);
    const bool inside = iy >= 0 && ix >= 0 && iy < height && ix < width;
    return inside ? static_cast<double>(plane[iy * width + ix]) : outside;
  };
  return (1 - down) * ((1 - right) * at(top, left) + right * at(top, left + 1)) +
         down * ((1 - right) * at(top + 1, left) + right * at(top + 1, left + 1));
}

}  // namespace gradus
