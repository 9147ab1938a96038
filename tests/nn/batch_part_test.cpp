#include "nn/batch_part.h"

#include <doctest/doctest.h>

#include "core/error.h"
#include "nn/layers/dropout.h"

using namespace gradus;

TEST_CASE("batch part: dropout draws for an example what it draws for it in the whole batch") {
  Dropout layer(0.4);
  const Tensor x = Tensor::ones({7, 3, 4});
  layer.run().rng = Rng(2);
  const Tensor whole = layer(x);
  const Rng::State behind = layer.run().rng.state();
  for (const auto& [begin, end] : {std::pair<int64, int64>{0, 2}, {2, 3}, {3, 7}}) {
    layer.run().rng = Rng(2);
    const BatchPartScope scope({begin, end - begin, 7});
    const Tensor part = layer(x.rows(begin, end)), expected = whole.rows(begin, end);
    CHECK(std::equal(part.span().begin(), part.span().end(), expected.span().begin()));
    CHECK(layer.run().rng.state() == behind);
  }
  CHECK(batch_part().total == 0);
}

TEST_CASE("batch part: several rows an example, and examples along another axis") {
  RunState run;
  run.rng = Rng(4);
  const Tensor rows = keep_mask(run, {10, 3}, 0.5),
               along = keep_mask(run, {2, 5, 3}, 0.5, 1);  // 5 examples each
  run.rng = Rng(4);
  const BatchPartScope scope({1, 2, 5});
  const Tensor part = keep_mask(run, {4, 3}, 0.5), part_along = keep_mask(run, {2, 2, 3}, 0.5, 1);
  for (int64 i = 0; i < 12; ++i) CHECK(part.data()[i] == rows.data()[2 * 3 + i]);
  for (int64 t = 0; t < 2; ++t)
    for (int64 i = 0; i < 6; ++i) CHECK(part_along.data()[t * 6 + i] == along.data()[t * 15 + 3 + i]);
  CHECK_THROWS_AS(keep_mask(run, {3, 3}, 0.5), ShapeError);  // 3 rows are no 2 examples
}
