#include "data/image_shift.h"

#include <doctest/doctest.h>

using namespace gradus;

namespace {
std::vector<real> moved(int64 dy, int64 dx, const std::vector<real>& border = {}) {
  std::vector<real> image{1, 2, 3, 4, 5, 6, 10, 20, 30, 40, 50, 60};
  shift_image(image.data(), {2, 2, 3}, dy, dx, border);
  return image;
}
}  // namespace

TEST_CASE("image_shift: pixels come from (y + dy, x + dx), reflected or from the border") {
  CHECK(moved(0, 0) == std::vector<real>{1, 2, 3, 4, 5, 6, 10, 20, 30, 40, 50, 60});
  CHECK(moved(0, 1) == std::vector<real>{2, 3, 2, 5, 6, 5, 20, 30, 20, 50, 60, 50});
  CHECK(moved(-1, 0) == std::vector<real>{4, 5, 6, 1, 2, 3, 40, 50, 60, 10, 20, 30});
  CHECK(moved(1, -1, {7, 8}) == std::vector<real>{7, 4, 5, 7, 7, 7, 8, 40, 50, 8, 8, 8});
  CHECK(moved(0, -5, {7, 8}) == std::vector<real>{7, 7, 7, 7, 7, 7, 8, 8, 8, 8, 8, 8});
}

TEST_CASE("image_shift: mirrored rows") {
  std::vector<real> image{1, 2, 3, 4, 5, 6};
  mirror_image(image.data(), {1, 2, 3});
  CHECK(image == std::vector<real>{3, 2, 1, 6, 5, 4});
}
