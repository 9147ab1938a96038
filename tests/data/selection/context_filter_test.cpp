// Contexts by predicted gain: when the threshold changes, what joins which batch.
#include "data/selection/context_filter.h"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>

namespace gradus::context_filter_tests {

TEST_CASE("context filter: the first ten batches ask for +1, the eleventh for -1") {
  ContextFilter filter({.batch_size = 1});
  for (int batch = 1; batch <= 10; ++batch) {
    CHECK(!filter.offer(0.999));
    CHECK(filter.offer(1));  // equality accepts
    CHECK(filter.batches() == batch);
  }
  CHECK(filter.threshold() == -1);
  CHECK(!filter.offer(-1.001));
  CHECK(filter.offer(-1));
}

TEST_CASE("context filter: batches fill up, and then nothing is drawn") {
  ContextFilter filter({.threshold_start = 0, .threshold_end = 0, .batch_size = 2, .max_batches = 2});
  CHECK(filter.offer(1));
  CHECK(filter.batches() == 0);
  CHECK(!filter.offer(-1));
  CHECK(filter.offer(0));
  CHECK(filter.batches() == 1);
  CHECK(filter.offer(2));
  CHECK(filter.offer(2));
  CHECK(filter.done());
  CHECK_THROWS_AS(filter.offer(2), DataError);
  ContextFilter other({});
  CHECK_THROWS_AS(other.offer(NAN), DataError);
  // Without a threshold all are taken.
  ContextFilter all({.threshold_start = -std::numeric_limits<double>::infinity(), .switch_batches = 100});
  CHECK(all.offer(-1e300));
}

}  // namespace gradus::context_filter_tests
