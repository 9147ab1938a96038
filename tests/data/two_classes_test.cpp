// Two classes by principal components: directions and scales that can be worked out by hand.
#include "data/two_classes.h"

#include <doctest/doctest.h>

#include <cmath>

#include "core/error.h"
#include "data/registry.h"

using namespace gradus;

TEST_CASE("two classes: centred, orthogonal, the first component of variance 1, the largest first") {
  const Data digits = open_data("digits:train=400,test=20");
  const TwoClasses two = two_classes(*digits.train, {.first = 3, .second = 8, .components = 4, .most = 60});
  const int64 n = two.signs.numel();
  CHECK(n == 60);
  CHECK(two.features.shape() == Shape{60, 4});
  double gram[4][4] = {}, sum[4] = {};
  for (int64 i = 0; i < n; ++i)
    for (int64 a = 0; a < 4; ++a) {
      sum[a] += double(two.features.at({i, a}));
      for (int64 b = 0; b < 4; ++b)
        gram[a][b] += double(two.features.at({i, a})) * double(two.features.at({i, b})) / static_cast<double>(n);
    }
  for (int a = 0; a < 4; ++a) {
    CHECK(std::abs(sum[a]) < 1e-3);
    for (int b = 0; b < a; ++b) CHECK(std::abs(gram[a][b]) < 1e-4);
    if (a) CHECK(gram[a][a] <= gram[a - 1][a - 1] + 1e-5);
  }
  CHECK(gram[0][0] == doctest::Approx(1).epsilon(1e-4));
  int64 seen = 0;
  for (int64 i = 0; seen < n; ++i) {
    const int64 label = digits.train->label(i);
    if (label == 3 || label == 8) CHECK(two.signs.at({seen++}) == (label == 3 ? 1 : -1));
  }
  CHECK_THROWS_AS(two_classes(*digits.train, {.first = 3, .second = 12}), UsageError);
  CHECK_THROWS_AS(two_classes(*digits.train, {.components = 5000}), UsageError);
}
