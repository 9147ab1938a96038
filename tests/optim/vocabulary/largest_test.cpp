#include "optim/vocabulary/largest.h"

#include <doctest/doctest.h>

#include "core/rng.h"

using namespace gradus;

TEST_CASE("largest: an element of either sign, wherever it stands") {
  for (const int64 n : {1, 7, 16, 33, 4096, 4097, 70001}) {
    CAPTURE(n);
    Tensor t = Rng(3).uniform_tensor({n}, -1, 1);
    real most = 0;
    for (const real x : t.span()) most = std::max(most, std::abs(x));
    CHECK(largest_size(t) == most);
    for (const int64 at : {int64{0}, n / 2, n - 1}) {
      Tensor u = t.clone();
      u.mutable_data()[at] = -3;
      CHECK(largest_size(u) == 3);
    }
  }
  CHECK(largest_size(Tensor::zeros({0})) == 0);
  CHECK(largest_size(Tensor::zeros({5})) == 0);
}
