#include "data/field.h"

#include <algorithm>

#include "core/error.h"
#include "core/image.h"
#include "core/rng.h"

namespace gradus {

Tensor pixel_coordinates(int64 height, int64 width) {
  Tensor x({height * width, 2});
  const auto place = [](int64 i, int64 n) {
    return n > 1 ? static_cast<real>(2 * static_cast<double>(i) / static_cast<double>(n - 1) - 1) : real(0);
  };
  for (int64 i = 0; i < height * width; ++i) {
    x.mutable_data()[2 * i] = place(i / width, height);
    x.mutable_data()[2 * i + 1] = place(i % width, width);
  }
  return x;
}

Data open_field(const FieldImageOptions& o) {
  if (o.path.empty()) fail<UsageError>("data set field: needs path=IMAGE.png");
  Image image = read_image(o.path, o.colour == "grey" ? 1 : o.colour == "rgb" ? 3 : 0);
  if (o.side > 0) {
    const int64 longer = std::max(image.height, image.width);
    image = resize(image, std::max<int64>(1, image.height * o.side / longer),
                   std::max<int64>(1, image.width * o.side / longer));
  }
  const int64 n = image.height * image.width, C = image.channels;
  const Tensor places = pixel_coordinates(image.height, image.width);
  Rng rng = Rng(static_cast<std::uint64_t>(o.seed)).fork("known pixels");
  std::vector<int64> all(static_cast<size_t>(n)), known, other;
  for (int64 i = 0; i < n; ++i) {
    all[static_cast<size_t>(i)] = i;
    (rng.bernoulli(o.known) ? known : other).push_back(i);
  }
  if (o.known >= 1) known = other = all;
  if (std::ssize(known) < 2 || std::ssize(other) < 2)
    fail<DataError>("{}: {} pixels to train on and {} to test on, expected two of each at least", o.path,
                    known.size(), other.size());
  DatasetInfo info;
  info.name = "field";
  info.kind = DataKind::kVectors;
  info.example = {2};
  info.targets = C;
  info.columns = {"row", "column"};
  info.notes = {
      fmt::format("field: {} x {} pixels of {} channel{}", image.height, image.width, C, C == 1 ? "" : "s")};
  const auto part = [&](const std::vector<int64>& chosen) {
    Tensor x({std::ssize(chosen), 2}), y({std::ssize(chosen), C});
    for (int64 k = 0; k < std::ssize(chosen); ++k) {
      const int64 i = chosen[static_cast<size_t>(k)];
      std::copy_n(places.data() + 2 * i, 2, x.mutable_data() + 2 * k);
      for (int64 c = 0; c < C; ++c)
        y.mutable_data()[k * C + c] =
            static_cast<real>(image.pixels[static_cast<size_t>(c * n + i)]) / real(255);
    }
    return std::make_shared<FieldSet>(info, x, y, image.height, image.width);
  };
  return {part(known), part(other)};
}

}  // namespace gradus
