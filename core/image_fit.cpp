#include "core/image_fit.h"

#include <algorithm>
#include <cmath>

#include "core/error.h"

namespace gradus {
namespace {

// The window of this size whose corner is at (top, left) of the image; black beyond it.
Image window(const Image& image, int64 top, int64 left, int64 height, int64 width) {
  Image out{image.channels, height, width, {}};
  out.pixels.assign(static_cast<std::size_t>(out.channels * height * width), 0);
  const int64 y0 = std::max<int64>(0, -top), y1 = std::min(height, image.height - top);
  const int64 x0 = std::max<int64>(0, -left), x1 = std::min(width, image.width - left);
  for (int64 c = 0; c < image.channels; ++c)
    for (int64 y = y0; y < y1; ++y) {
      const auto from = image.pixels.begin() + ((c * image.height + top + y) * image.width + left);
      std::copy(from + x0, from + x1, out.pixels.begin() + ((c * height + y) * width + x0));
    }
  return out;
}

}  // namespace

Limits image_fits() { return choices({"stretch", "crop", "pad"}); }

Image fit_image(const Image& image, int64 height, int64 width, const std::string& fit) {
  if (fit == "stretch") return resize(image, height, width);
  if (fit != "crop" && fit != "pad")
    throw UsageError(unknown_name("way to fit an image", fit, {"stretch", "crop", "pad"}));
  const double down = static_cast<double>(height) / static_cast<double>(image.height),
               across = static_cast<double>(width) / static_cast<double>(image.width);
  const bool crop = fit == "crop";
  const double scale = crop ? std::max(down, across) : std::min(down, across);
  const auto side = [&](int64 own, int64 wanted) {
    const auto scaled = static_cast<int64>(std::lround(scale * static_cast<double>(own)));
    return crop ? std::max(scaled, wanted) : std::clamp<int64>(scaled, 1, wanted);
  };
  const int64 h = side(image.height, height), w = side(image.width, width);
  const auto half = [](int64 more) { return more >= 0 ? more / 2 : -(-more / 2); };
  return window(resize(image, h, w), half(h - height), half(w - width), height, width);
}

}  // namespace gradus
