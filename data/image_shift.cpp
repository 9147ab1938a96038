#include "data/image_shift.h"

#include <algorithm>

namespace gradus {
namespace {

int64 reflected(int64 i, int64 n) {
  if (n == 1) return 0;
  const int64 period = 2 * (n - 1);
  i = ((i % period) + period) % period;
  return i < n ? i : period - i;
}

}  // namespace

void mirror_image(real* image, const Shape& chw) {
  for (int64 row = 0; row < chw[0] * chw[1]; ++row)
    std::reverse(image + row * chw[2], image + (row + 1) * chw[2]);
}

void shift_image(real* image, const Shape& chw, int64 dy, int64 dx, const std::vector<real>& border) {
  if (!dy && !dx) return;
  const int64 c = chw[0], h = chw[1], w = chw[2];
  // Columns x0..x1-1 of the result come from inside the image.
  const int64 x0 = std::clamp<int64>(-dx, 0, w), x1 = std::clamp<int64>(w - dx, x0, w);
  std::vector<real> plane(static_cast<std::size_t>(h * w));
  for (int64 k = 0; k < c; ++k) {
    real* out = image + k * h * w;
    std::copy_n(out, h * w, plane.begin());
    for (int64 y = 0; y < h; ++y) {
      real* row = out + y * w;
      if (!border.empty() && (y + dy < 0 || y + dy >= h)) {
        std::fill_n(row, w, border[static_cast<std::size_t>(k)]);
        continue;
      }
      const real* from = plane.data() + reflected(y + dy, h) * w;
      std::copy(from + x0 + dx, from + x1 + dx, row + x0);
      const auto outside = [&](int64 x) {
        return border.empty() ? from[reflected(x + dx, w)] : border[static_cast<std::size_t>(k)];
      };
      for (int64 x = 0; x < x0; ++x) row[x] = outside(x);
      for (int64 x = x1; x < w; ++x) row[x] = outside(x);
    }
  }
}

}  // namespace gradus
