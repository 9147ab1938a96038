// Streams of tasks: which rows, which labels, turned and noisy images.
#include "data/tasks/task_stream.h"

#include <doctest/doctest.h>

#include "core/error.h"

namespace gradus::task_stream_tests {

TEST_CASE("task stream: classes in turn are renumbered in their order") {
  const Tensor x = Tensor::arange(6).view({6, 1, 1, 1});
  const IntTensor y = IntTensor::from({6}, {0, 1, 2, 3, 2, 0});
  const TaskStream in_order({.tasks = 2, .shuffle_classes = false}, 4, 1, Rng(1));
  const StreamTask second = in_order.task(1, x, y);
  CHECK(second.x.values() == std::vector<real>{2, 3, 4});
  CHECK(second.y.values() == std::vector<int64>{2, 3, 2});
  bool moved = false;
  for (std::uint64_t seed = 0; seed < 4; ++seed) {
    const TaskStream shuffled({.tasks = 2}, 4, 1, Rng(seed));
    std::vector<int64> places;
    for (int64 c = 0; c < 4; ++c) places.push_back(shuffled.renumbered(c));
    moved = moved || places != std::vector<int64>{0, 1, 2, 3};
    const StreamTask first = shuffled.task(0, x, y);
    for (int64 i = 0; i < first.y.numel(); ++i)
      CHECK(first.y[i] == shuffled.renumbered(y[static_cast<int64>(first.x.data()[i])]));
  }
  CHECK(moved);
  CHECK_THROWS_AS(TaskStream({.tasks = 3}, 4, 1, Rng(1)), UsageError);
  CHECK_THROWS_AS(in_order.task(2, x, y), UsageError);
}

TEST_CASE("task stream: permuted pixels are the same numbers in one order a task") {
  const Tensor x = Tensor::from({2, 1, 1, 3}, {1, 2, 3, 10, 20, 30});
  const IntTensor y = IntTensor::from({2}, {0, 1});
  const TaskStream stream({.kind = "permuted", .tasks = 3}, 2, 3, Rng(4));
  CHECK(stream.task(0, x, y).x.values() == x.values());
  const StreamTask t = stream.task(1, x, y);
  CHECK(t.x.data()[0] + t.x.data()[1] + t.x.data()[2] == 6);
  for (int64 p = 0; p < 3; ++p) CHECK(t.x.data()[3 + p] == 10 * t.x.data()[p]);
  CHECK(t.y.values() == y.values());
}

TEST_CASE("task stream: a quarter turn is counter-clockwise, the rest is outside") {
  const Tensor x = Tensor::from({1, 1, 3, 3}, {1, 2, 3, 4, 5, 6, 7, 8, 9});
  const Tensor turned = turned_images(x, 90, 0);
  const std::vector<real> expected{3, 6, 9, 2, 5, 8, 1, 4, 7};
  for (size_t i = 0; i < 9; ++i)
    CHECK(static_cast<double>(turned.data()[i]) ==
          doctest::Approx(static_cast<double>(expected[i])).epsilon(1e-5));
  CHECK(turned_images(x, 0, 0).values() == x.values());
  const Tensor corner = turned_images(Tensor::ones({1, 1, 3, 3}), 45, -1);
  CHECK(corner.data()[0] < 1);
  CHECK(static_cast<double>(corner.data()[4]) == doctest::Approx(1));
  Rng rng(2);
  CHECK(noisy_images(x, 0, 0.5, rng).data()[8] == real(4.5));
}

}  // namespace gradus::task_stream_tests
