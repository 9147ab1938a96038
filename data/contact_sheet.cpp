#include "data/contact_sheet.h"

#include <algorithm>

#include "core/error.h"

namespace gradus {

namespace {

// So many columns wide, with a thin frame and a zoom that makes small images readable.
Image sheet_of(const Dataset& data, const std::vector<std::vector<int64>>& rows, int64 columns) {
  const Shape& example = data.info().example;
  const int64 c = example[0], h = example[1], w = example[2];
  const int64 zoom = std::max<int64>(1, 56 / std::max(h, w));
  constexpr int64 kGap = 4;
  constexpr std::uint8_t kFrame = 96;
  Image sheet{c, std::ssize(rows) * (h * zoom + kGap) + kGap, columns * (w * zoom + kGap) + kGap, {}};
  sheet.pixels.assign(static_cast<std::size_t>(c * sheet.height * sheet.width), kFrame);
  std::vector<std::uint8_t> pixels(static_cast<std::size_t>(c * h * w));
  for (int64 row = 0; row < std::ssize(rows); ++row)
    for (int64 column = 0; column < std::ssize(rows[static_cast<std::size_t>(row)]); ++column) {
      data.read_pixels(rows[static_cast<std::size_t>(row)][static_cast<std::size_t>(column)], pixels.data());
      const int64 top = kGap + row * (h * zoom + kGap), side = kGap + column * (w * zoom + kGap);
      for (int64 k = 0; k < c; ++k)
        for (int64 y = 0; y < h * zoom; ++y)
          for (int64 x = 0; x < w * zoom; ++x)
            sheet.pixels[static_cast<std::size_t>((k * sheet.height + top + y) * sheet.width + side + x)] =
                pixels[static_cast<std::size_t>((k * h + y / zoom) * w + x / zoom)];
    }
  return sheet;
}

void check_images(const DatasetInfo& info) {
  if (info.kind != DataKind::kImages)
    fail<UsageError>("data set {}: a contact sheet needs images, these are {}", info.name,
                     kind_name(info.kind));
}

}  // namespace

Image contact_sheet(const Dataset& data, int64 per_class, int64 max_classes) {
  check_images(data.info());
  std::vector<std::vector<int64>> rows(static_cast<std::size_t>(std::min(data.info().classes, max_classes)));
  int64 left = std::ssize(rows) * per_class;
  for (int64 i = 0; i < data.size() && left > 0; ++i) {
    const int64 row = data.label(i);
    if (row >= std::ssize(rows) || std::ssize(rows[static_cast<std::size_t>(row)]) == per_class) continue;
    rows[static_cast<std::size_t>(row)].push_back(i);
    --left;
  }
  return sheet_of(data, rows, per_class);
}

Image contact_sheet(const Dataset& data, const std::vector<std::vector<int64>>& rows) {
  check_images(data.info());
  int64 widest = 0;
  for (const std::vector<int64>& row : rows) widest = std::max(widest, std::ssize(row));
  return sheet_of(data, rows, widest);
}

}  // namespace gradus
