// Angles of hidden states: the card's figure, the maximum, against the double loop.
#include "nn/alignment/angle_signal.h"

#include <doctest/doctest.h>

#include <cmath>

#include "core/error.h"
#include "core/rng.h"
#include "tests/precision.h"

namespace gradus::angle_signal_tests {

using doctest::Approx;

TEST_CASE("angle signal: the card's three rows, and equal rows") {
  const AngleSignal s = angle_signal(Tensor::from({3, 2}, {1, 0, 0, 1, 1, 1}));
  CHECK(s.angle == Approx((3 + std::sqrt(2)) / 6));
  CHECK(s.signal == Approx(0.735702).epsilon(1e-6));
  CHECK(s.inter == 0);
  const AngleSignal same = angle_signal(Tensor::full({4, 3}, 2), 2);
  CHECK(same.intra == Approx(1));
  CHECK(same.inter == Approx(1));
  CHECK(same.signal == Approx(9));
  CHECK(angle_signal(Tensor::zeros({2, 2})).angle == 0);
}

TEST_CASE("angle signal: as by a double loop over all pairs") {
  Rng rng(1);
  const int64 rows = 7, width = 3, prefix = 3;
  const Tensor h = rng.normal_tensor({rows, width});
  const auto cosine = [&](int64 i, int64 j) {
    double ab = 0, aa = 0, bb = 0;
    for (int64 d = 0; d < width; ++d) {
      const double a = h.data()[i * width + d], b = h.data()[j * width + d];
      ab += a * b, aa += a * a, bb += b * b;
    }
    return ab / std::sqrt(aa * bb);
  };
  double intra = 0, inter = 0, all = 0;
  for (int64 i = 0; i < rows; ++i)
    for (int64 j = 0; j < rows; ++j) {
      if (j <= i) all += cosine(i, j) / 28;
      if (i >= prefix && j >= prefix && j <= i) intra += cosine(i, j) / 10;
      if (i >= prefix && j < prefix) inter += cosine(i, j) / 12;
    }
  const AngleSignal s = angle_signal(h, prefix, 2);
  CHECK(s.intra == Approx(intra).epsilon(1e-9));
  CHECK(s.inter == Approx(inter).epsilon(1e-9));
  CHECK(s.angle == Approx(all).epsilon(1e-9));
  CHECK(s.signal == Approx(intra + 2 * inter).epsilon(1e-9));
  CHECK_THROWS_AS(angle_signal(h, 7), DataError);
  CHECK_THROWS_AS(angle_signal(Tensor::zeros({3})), ShapeError);
}

}  // namespace gradus::angle_signal_tests
