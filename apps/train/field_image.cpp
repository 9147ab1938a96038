#include "apps/train/field_image.h"

#include <algorithm>
#include <cmath>

#include "nn/modes.h"

namespace gradus {

Image reconstruction(Model& model, const FieldSet& field) {
  constexpr int64 kTogether = 4096;
  const ModeScope mode(model, false);
  const Recording off(false);
  const int64 height = field.height(), width = field.width(), n = height * width, C = field.info().targets;
  const Tensor places = pixel_coordinates(height, width);
  Image image{C, height, width, std::vector<std::uint8_t>(static_cast<size_t>(C * n))};
  for (int64 from = 0; from < n; from += kTogether) {
    const int64 to = std::min(n, from + kTogether);
    const Tensor y = model(places.rows(from, to));
    for (int64 i = from; i < to; ++i)
      for (int64 c = 0; c < C; ++c)
        image.pixels[static_cast<size_t>(c * n + i)] = static_cast<std::uint8_t>(
            std::lround(255 * std::clamp(static_cast<double>(y.data()[(i - from) * C + c]), 0.0, 1.0)));
  }
  return image;
}

}  // namespace gradus
