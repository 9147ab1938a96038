#include "data/pooled_images.h"

#include <cmath>
#include <vector>

#include "core/error.h"

namespace gradus {

PooledImages pooled_images(const Dataset& set, std::span<const int64> chosen, int64 window) {
  const DatasetInfo& info = set.info();
  if (info.kind != DataKind::kImages || info.classes == 0)
    fail<UsageError>("pooled images: {} are no labelled images", info.name);
  const int64 channels = info.example[0], height = info.example[1], width = info.example[2];
  if (window < 1 || window > height || window > width || chosen.empty())
    fail<UsageError>("pooled images: {} examples of {}x{} pixels by squares of {}", chosen.size(), height,
                     width, window);
  const int64 n = std::ssize(chosen), rows = height / window, columns = width / window;
  PooledImages out{Tensor({n, channels * rows * columns}), IntTensor(Shape{n})};
  std::vector<std::uint8_t> pixels(static_cast<size_t>(info.example.numel()));
  std::vector<double> values;
  double sum = 0, squares = 0;
  for (int64 i = 0; i < n; ++i) {
    set.read_pixels(chosen[static_cast<size_t>(i)], pixels.data());
    out.labels.mutable_data()[i] = set.label(chosen[static_cast<size_t>(i)]);
    for (int64 c = 0; c < channels; ++c)
      for (int64 r = 0; r < rows; ++r)
        for (int64 k = 0; k < columns; ++k) {
          double total = 0;
          for (int64 a = 0; a < window; ++a)
            for (int64 b = 0; b < window; ++b)
              total += pixels[static_cast<size_t>((c * height + r * window + a) * width + k * window + b)];
          values.push_back(total);
          sum += total;
          squares += total * total;
        }
  }
  const double count = static_cast<double>(values.size()), mean = sum / count,
               deviation = std::sqrt(squares / count - mean * mean);
  if (!(deviation > 0)) fail<UsageError>("pooled images: the examples of {} are all the same", info.name);
  real* to = out.x.mutable_data();
  for (const double v : values) *to++ = static_cast<real>((v - mean) / deviation);
  return out;
}

}  // namespace gradus
