#include "data/pixel_maps.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <vector>

#include "core/rng.h"

namespace gradus {

// Seen with y downwards, turning the picture counter-clockwise looks each output pixel up clockwise.
Turn::Turn(double degrees, int64 height, int64 width)
    : cosine(std::cos(degrees * std::numbers::pi / 180)),
      sine(std::sin(degrees * std::numbers::pi / 180)),
      centre_y(static_cast<double>(height - 1) / 2),
      centre_x(static_cast<double>(width - 1) / 2) {}

PixelMap rotation_map(double degrees, const Shape& shape) {
  const Turn turn(degrees, shape[1], shape[2]);
  return [turn](std::uint8_t* pixels, const Shape& chw) {
    const int64 height = chw[1], width = chw[2];
    std::vector<std::uint8_t> plane(static_cast<std::size_t>(height * width));
    for (int64 c = 0; c < chw[0]; ++c) {
      std::uint8_t* out = pixels + c * height * width;
      std::copy_n(out, plane.size(), plane.begin());
      for (int64 y = 0; y < height; ++y)
        for (int64 x = 0; x < width; ++x) {
          double from_y, from_x;
          turn.source(y, x, from_y, from_x);
          out[y * width + x] =
              static_cast<std::uint8_t>(bilinear(plane.data(), height, width, from_y, from_x, 0.0) + 0.5);
        }
    }
  };
}

PixelMap permutation_map(int64 seed, const Shape& shape) {
  const auto order = Rng(static_cast<std::uint64_t>(seed)).fork("permute").permutation(shape[1] * shape[2]);
  return [order](std::uint8_t* pixels, const Shape& chw) {
    std::vector<std::uint8_t> plane(order.size());
    for (int64 c = 0; c < chw[0]; ++c) {
      std::uint8_t* out = pixels + c * chw[1] * chw[2];
      std::copy_n(out, plane.size(), plane.begin());
      for (std::size_t i = 0; i < plane.size(); ++i) out[i] = plane[static_cast<std::size_t>(order[i])];
    }
  };
}

void invert_pixels(std::uint8_t* pixels, const Shape& chw) {
  for (int64 i = 0; i < chw.numel(); ++i) pixels[i] = static_cast<std::uint8_t>(255 - pixels[i]);
}

}  // namespace gradus
