#include "data/contact_sheet.h"

#include <algorithm>
#include <cmath>

#include "core/error.h"

namespace gradus {

namespace {

// So many columns wide, with a thin frame and a zoom that makes small images readable. read(row, column, pixels) writes the image of
// a place and says whether there is one.
template <class Read>
Image sheet_of(const Shape& example, int64 rows, int64 columns, const Read& read) {
  const int64 c = example[0], h = example[1], w = example[2];
  const int64 zoom = std::max<int64>(1, 56 / std::max(h, w));
  constexpr int64 kGap = 4;
  constexpr std::uint8_t kFrame = 96;
  Image sheet{c, rows * (h * zoom + kGap) + kGap, columns * (w * zoom + kGap) + kGap, {}};
  sheet.pixels.assign(static_cast<std::size_t>(c * sheet.height * sheet.width), kFrame);
  std::vector<std::uint8_t> pixels(static_cast<std::size_t>(c * h * w));
  for (int64 row = 0; row < rows; ++row)
    for (int64 column = 0; column < columns; ++column) {
      if (!read(row, column, pixels.data())) continue;
      const int64 top = kGap + row * (h * zoom + kGap), side = kGap + column * (w * zoom + kGap);
      for (int64 k = 0; k < c; ++k)
        for (int64 y = 0; y < h * zoom; ++y)
          for (int64 x = 0; x < w * zoom; ++x)
            sheet.pixels[static_cast<std::size_t>((k * sheet.height + top + y) * sheet.width + side + x)] =
                pixels[static_cast<std::size_t>((k * h + y / zoom) * w + x / zoom)];
    }
  return sheet;
}

Image sheet_of(const Dataset& data, const std::vector<std::vector<int64>>& rows, int64 columns) {
  return sheet_of(data.info().example, std::ssize(rows), columns,
                  [&](int64 row, int64 column, std::uint8_t* pixels) {
                    const std::vector<int64>& examples = rows[static_cast<std::size_t>(row)];
                    if (column >= std::ssize(examples)) return false;
                    data.read_pixels(examples[static_cast<std::size_t>(column)], pixels);
                    return true;
                  });
}

void check_images(const DatasetInfo& info) {
  if (info.kind != DataKind::kImages)
    fail<UsageError>("data set {}: a contact sheet needs images, these are {}", info.name,
                     kind_name(info.kind));
}

// The first examples of each of the first classes.
std::vector<std::vector<int64>> first_of_classes(const Dataset& data, int64 per_class, int64 max_classes) {
  std::vector<std::vector<int64>> rows(static_cast<std::size_t>(std::min(data.info().classes, max_classes)));
  int64 left = std::ssize(rows) * per_class;
  for (int64 i = 0; i < data.size() && left > 0; ++i) {
    const int64 row = data.label(i);
    if (row >= std::ssize(rows) || std::ssize(rows[static_cast<std::size_t>(row)]) == per_class) continue;
    rows[static_cast<std::size_t>(row)].push_back(i);
    --left;
  }
  return rows;
}

}  // namespace

Image contact_sheet(const Dataset& data, int64 per_class, int64 max_classes) {
  check_images(data.info());
  return sheet_of(data, first_of_classes(data, per_class, max_classes), per_class);
}

Image contact_sheet(const Dataset& data, const std::vector<std::vector<int64>>& rows) {
  check_images(data.info());
  int64 widest = 0;
  for (const std::vector<int64>& row : rows) widest = std::max(widest, std::ssize(row));
  return sheet_of(data, rows, widest);
}

Image augmentation_sheet(const Dataset& data, const Augmentation& augment, std::uint64_t seed, int64 epochs,
                         int64 max_classes) {
  const DatasetInfo& info = data.info();
  check_images(info);
  std::vector<int64> examples;
  for (const std::vector<int64>& row : first_of_classes(data, 1, max_classes))
    if (!row.empty()) examples.push_back(row[0]);
  const int64 n = std::ssize(examples), one = info.example.numel(), plane = info.example[1] * info.example[2];
  std::vector<Tensor> seen;  // by epoch
  for (int64 epoch = 0; epoch < epochs; ++epoch) {
    Batch batch;
    batch.x = Tensor({n, info.example[0], info.example[1], info.example[2]});
    batch.y = IntTensor({n});
    batch.index = IntTensor({n});
    batch.position = {epoch, 0};
    for (int64 i = 0; i < n; ++i) {
      const int64 example = examples[static_cast<std::size_t>(i)];
      real* x = batch.x.mutable_data() + i * one;
      data.read_reals(example, x);
      batch.index.mutable_data()[i] = example;
      batch.y.mutable_data()[i] = data.label(example);
      augment.apply_example(x, {epoch, example, seed, info});
    }
    augment.apply_batch(batch, seed, info);
    seen.push_back(batch.x);
  }
  return sheet_of(info.example, n, epochs + 1, [&](int64 row, int64 column, std::uint8_t* pixels) {
    if (column == 0) {
      data.read_pixels(examples[static_cast<std::size_t>(row)], pixels);
      return true;
    }
    const real* x = seen[static_cast<std::size_t>(column - 1)].data() + row * one;
    for (int64 i = 0; i < one; ++i) {
      const auto c = static_cast<std::size_t>(i / plane);
      const double v = static_cast<double>(x[i]) * info.std[c] + info.mean[c];
      pixels[i] = static_cast<std::uint8_t>(std::lround(std::clamp(v, 0.0, 1.0) * 255));
    }
    return true;
  });
}

}  // namespace gradus
