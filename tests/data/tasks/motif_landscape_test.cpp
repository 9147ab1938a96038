// Scores of short DNA sequences.
#include "data/tasks/motif_landscape.h"

#include <doctest/doctest.h>

#include <cmath>

#include "core/error.h"

namespace gradus::motif_landscape_tests {

TEST_CASE("motif landscape: sequences and indices") {
  const MotifLandscape all = MotifLandscape::draw(4, Rng(1));
  CHECK(all.count() == 256);
  CHECK(all.sequence(4 * 4 * 3 + 2).values() == std::vector<int64>{0, 3, 0, 2});
  for (int64 i = 0; i < all.count(); ++i) CHECK(all.index_of(all.sequence(i)) == i);
  CHECK_THROWS_AS(all.index_of(IntTensor::full({4}, 4)), DataError);
  CHECK_THROWS_AS(all.index_of(IntTensor::full({3}, 0)), ShapeError);
  CHECK_THROWS_AS(MotifLandscape::draw(2, Rng(1)), UsageError);
}

TEST_CASE("motif landscape: single letters and pairs explain all but the noise") {
  // Letters that are not two apart act alone: the mixed difference of positions 0 and 1 is noise, of 0 and 2 is not.
  const MotifLandscape all = MotifLandscape::draw(4, Rng(1));
  const auto mixed = [&](int64 i, int64 j) {
    double square = 0;
    for (int64 a = 1; a < 4; ++a)
      for (int64 b = 1; b < 4; ++b) {
        const auto at = [&](int64 x, int64 y) {
          IntTensor s = IntTensor::full({4}, 0);
          s.mutable_data()[i] = x, s.mutable_data()[j] = y;
          return all.scores[static_cast<size_t>(all.index_of(s))];
        };
        const double d = at(a, b) - at(a, 0) - at(0, b) + at(0, 0);
        square += d * d / 9;
      }
    return std::sqrt(square);
  };
  CHECK(mixed(0, 1) < 0.45);
  CHECK(mixed(0, 3) < 0.45);
  CHECK(mixed(0, 2) > 0.5);
}

}  // namespace gradus::motif_landscape_tests
