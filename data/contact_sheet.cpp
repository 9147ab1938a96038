#include "data/contact_sheet.h"

#include <algorithm>

#include "core/error.h"

namespace gradus {

Image contact_sheet(const Dataset& data, int64 per_class, int64 max_classes) {
  const DatasetInfo& info = data.info();
  if (info.kind != DataKind::kImages)
    fail<UsageError>("data set {}: a contact sheet needs images, these are {}", info.name,
                     kind_name(info.kind));
  const int64 c = info.example[0], h = info.example[1], w = info.example[2];
  const int64 rows = std::min(info.classes, max_classes), zoom = std::max<int64>(1, 56 / std::max(h, w));
  constexpr int64 kGap = 4;
  constexpr std::uint8_t kFrame = 96;
  Image sheet{c, rows * (h * zoom + kGap) + kGap, per_class * (w * zoom + kGap) + kGap, {}};
  sheet.pixels.assign(static_cast<std::size_t>(c * sheet.height * sheet.width), kFrame);

  std::vector<int64> placed(static_cast<std::size_t>(rows), 0);
  std::vector<std::uint8_t> pixels(static_cast<std::size_t>(c * h * w));
  for (int64 i = 0, left = rows * per_class; i < data.size() && left > 0; ++i) {
    const int64 row = data.label(i);
    if (row >= rows || placed[static_cast<std::size_t>(row)] == per_class) continue;
    const int64 column = placed[static_cast<std::size_t>(row)]++;
    --left;
    data.read_pixels(i, pixels.data());
    const int64 top = kGap + row * (h * zoom + kGap), side = kGap + column * (w * zoom + kGap);
    for (int64 k = 0; k < c; ++k)
      for (int64 y = 0; y < h * zoom; ++y)
        for (int64 x = 0; x < w * zoom; ++x)
          sheet.pixels[static_cast<std::size_t>((k * sheet.height + top + y) * sheet.width + side + x)] =
              pixels[static_cast<std::size_t>((k * h + y / zoom) * w + x / zoom)];
  }
  return sheet;
}

}  // namespace gradus
