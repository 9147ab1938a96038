// Streams of tasks: which rows, which labels, turned and noisy images.
#include "data/tasks/task_stream.h"

#include <doctest/doctest.h>

#include "core/error.h"
#include "data/tasks/drift_stream.h"

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

TEST_CASE("task stream: labels by scenario") {
  const Tensor x = Tensor::arange(6).view({6, 1, 1, 1});
  const IntTensor y = IntTensor::from({6}, {0, 1, 2, 3, 2, 0});
  const auto labels = [&](TaskStreamOptions o, int64 t) {
    return TaskStream(o, 4, 1, Rng(1)).task(t, x, y).y.values();
  };
  const TaskStreamOptions split{.shuffle_classes = false, .scenario = "domain"};
  CHECK(labels(split, 1) == std::vector<int64>{0, 1, 0});
  const TaskStream domain(split, 4, 1, Rng(1));
  CHECK(domain.tasks() == 2);
  CHECK(domain.labels_with(1) == 2);
  CHECK(domain.first_label(1) == 0);
  CHECK(labels({.kind = "rotated", .tasks = 3, .scenario = "class"}, 2) ==
        std::vector<int64>{8, 9, 10, 11, 10, 8});
  const TaskStream own({.kind = "permuted", .scenario = "task"}, 4, 1, Rng(1));
  CHECK(own.tasks() == 5);
  CHECK(own.first_label(3) == 12);
  CHECK(own.labels_with(3) == 16);
  // One class, then as many tasks of one as there are left.
  const TaskStream uneven({.classes_per_task = 1, .first_classes = 2, .shuffle_classes = false}, 4, 1,
                          Rng(1));
  CHECK(uneven.tasks() == 3);
  CHECK(uneven.task(0, x, y).y.values() == std::vector<int64>{0, 1, 0});
  CHECK(uneven.task(2, x, y).y.values() == std::vector<int64>{3});
  CHECK(uneven.labels_with(1) == 3);
}

TEST_CASE("task stream: by name") {
  CHECK(parse_task_stream("split:classes=3,scenario=task").classes_per_task == 3);
  CHECK(parse_task_stream("split:classes=3,scenario=task").scenario == "task");
  CHECK(parse_task_stream("permuted").kind == "permuted");
  CHECK_THROWS_AS(parse_task_stream("splits"), UsageError);
  CHECK_THROWS_AS(parse_task_stream("rotated:classes=2"), UsageError);
  CHECK_THROWS_AS(parse_task_stream("split(permuted)"), UsageError);
}

TEST_CASE("drift: how far it is gone") {
  const auto levels = [](const char* text) {
    const DriftOptions o = parse_drift(text);
    std::vector<double> all;
    for (int64 b = 0; b < o.batches; ++b) all.push_back(drift_level(o, b));
    return all;
  };
  CHECK(levels("abrupt:batches=5") == std::vector<double>{0, 0, 0, 1, 1});
  CHECK(levels("gradual:batches=5") == std::vector<double>{0, 0.25, 0.5, 0.75, 1});
  CHECK(levels("gradual:batches=1") == std::vector<double>{0});
  CHECK(levels("recurring:batches=6,periods=3") == std::vector<double>{0, 0, 1, 1, 0, 0});
  CHECK_THROWS_AS(parse_drift("sudden"), UsageError);
  CHECK_THROWS_AS(drift_level(parse_drift("abrupt:batches=5"), 5), UsageError);
}

TEST_CASE("drift: what happens to images") {
  const Tensor x = Tensor::from({1, 1, 3, 3}, {1, 2, 3, 4, 5, 6, 7, 8, 9});
  const DriftOptions turned = parse_drift("gradual:batches=2,degrees=90"),
                     noisy = parse_drift("abrupt:change=noisy,batches=2,sigma=0,fade=0.5"),
                     both = parse_drift("abrupt:change=alternating,batches=2,degrees=0,sigma=0,fade=0.5");
  CHECK(drifted_images(turned, x, 0, 0, 0, Rng(1)).values() == x.values());
  CHECK(static_cast<double>(drifted_images(turned, x, 0, 1, 0, Rng(1)).data()[0]) ==
        doctest::Approx(3).epsilon(1e-5));
  CHECK(drifted_images(noisy, x, 0, 1, 0, Rng(1)).data()[8] == real(4.5));
  CHECK(drifted_images(both, x, 0, 1, 0, Rng(1)).values() == x.values());
  CHECK(drifted_images(both, x, 1, 1, 0, Rng(1)).data()[8] == real(4.5));
}

}  // namespace gradus::task_stream_tests
