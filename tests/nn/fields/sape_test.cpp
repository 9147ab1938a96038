// SAPE's mask: the card's schedule, cells and limits; encodings.
#include <doctest/doctest.h>

#include <cmath>

#include "core/error.h"
#include "core/rng.h"
#include "nn/fields/fourier_features.h"
#include "nn/fields/sape_mask.h"

using namespace gradus;

TEST_CASE("sape: the period of the card's settings") {
  CHECK(sape_period(2, 514, 5000) == 9);
  CHECK(sape_period(1, 513, 20000) == 19);
  CHECK(sape_period(3, 4, 1) == 1);  // never 0
}

TEST_CASE("sape: cells and weights of four cells on a line") {
  const GridCorners c = grid_corners(Tensor::from({4, 1}, {real(-1), real(0), real(1), real(0.5)}), 4);
  const int64 cells[] = {0, 1, 1, 2, 2, 3, 2, 3};
  const double weights[] = {.5, .5, .5, .5, .5, .5, 1, 0};  // at 0.5, u = 2 exactly
  for (size_t i = 0; i < 8; ++i) {
    CHECK(c.cells[static_cast<int64>(i)] == cells[i]);
    CHECK(c.weights[i] == doctest::Approx(weights[i]));
  }
  // Two axes: axis 0 is the fastest in a cell's number and the most significant bit of a corner's.
  const GridCorners d = grid_corners(Tensor::from({1, 2}, {real(-1), real(0)}), 4);
  const int64 of_two[] = {0 + 4 * 1, 0 + 4 * 2, 1 + 4 * 1, 1 + 4 * 2};
  for (int64 i = 0; i < 4; ++i) CHECK(d.cells[i] == of_two[i]);
  CHECK_THROWS_AS(grid_corners(Tensor::full({1, 1}, 3), 4), DataError);
  CHECK_THROWS_AS(grid_corners(Tensor::zeros({1, 1}), 2), UsageError);
  CHECK_THROWS_AS(grid_corners(Tensor::zeros({1, 4}), 4), ShapeError);
}

TEST_CASE("sape: never frozen, all channels come in turn; always frozen, none does") {
  const GridCorners c = grid_corners(Tensor::from({3, 1}, {real(-1), real(0), real(1)}), 4);
  const Tensor losses = Tensor::ones({3});
  SapeMask grows(1, 4, 5, 1, -1), stays(1, 4, 5, 1, 1e9);
  for (int u = 1; u <= 5; ++u) {
    for (SapeMask* m : {&grows, &stays}) m->record(c, losses), m->update();
    const Tensor now = grows.at(c), other = stays.at(c);
    for (int64 k = 0; k < 5; ++k) {
      CHECK(static_cast<double>(now.data()[k]) == doctest::Approx(k < std::min(u + 1, 5) ? 1 : 0));
      CHECK(static_cast<double>(other.data()[k]) == doctest::Approx(k < 1 ? 1 : 0));
    }
  }
  CHECK(grows.cur == 5);
  CHECK(stays.in_progress[0] == 0);
}

TEST_CASE("sape: losses of all samples of a cell, neighbours of empty cells, and the blur") {
  SapeMask m(1, 4, 3, 1, 0.6);
  // Two samples on cells 0 and 1 with losses 1 and 3: both cells have mean 2. Cells 2 and 3 are empty.
  m.record(grid_corners(Tensor::from({2, 1}, {real(-1), real(-1)}), 4),
           Tensor::from({2}, {real(1), real(3)}));
  CHECK(m.count[0] == doctest::Approx(1));
  CHECK(m.log[1] == doctest::Approx(2));
  // r = (2, 2, (2 + 0)/2, 0), blurred with the borders repeated: (2, 5/3, 1, 1/3).
  const std::vector<double> r = m.update();
  const double expected[] = {2, 5.0 / 3, 1, 1.0 / 3};
  for (size_t i = 0; i < 4; ++i) CHECK(r[i] == doctest::Approx(expected[i]));
  CHECK(m.in_progress[2] == 1);
  CHECK(m.in_progress[3] == 0);
  CHECK(m.mask[2 * 3 + 1] == 1);
  CHECK(m.mask[3 * 3 + 1] == 0);
  CHECK(m.log[0] == 0);
  CHECK(m.count[1] == 0);
  // A cell that has stopped does not go on.
  m.record(grid_corners(Tensor::from({1, 1}, {real(1)}), 4), Tensor::full({1}, 100));
  m.update();
  CHECK(m.in_progress[3] == 0);
  CHECK(m.mask[3 * 3 + 2] == 0);
}

TEST_CASE("fourier_features: sine and cosine alternate, frequencies are sorted by size") {
  const Tensor x = Tensor::from({1, 2}, {real(0.25), real(0.5)});
  const Tensor f = Tensor::from({2, 2}, {real(1), real(0), real(0), real(0.5)});
  const Tensor e = fourier_encoding(x, f);
  const double expected[] = {0.25, 0.5, 1, 0, 1, 0};  // angles pi/2, pi/2
  for (int64 i = 0; i < 6; ++i) CHECK(std::abs(static_cast<double>(e.data()[i]) - expected[i]) < 1e-6);
  CHECK(fourier_encoding(x, f, false).dim(1) == 4);
  Rng rng(1);
  const Tensor b = sorted_frequencies(2, 20, 3, rng);
  for (int64 k = 1; k < 20; ++k)
    CHECK(std::hypot(b.data()[k - 1], b.data()[19 + k]) <= std::hypot(b.data()[k], b.data()[20 + k]));
}
