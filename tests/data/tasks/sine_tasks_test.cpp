// Sine waves as tasks.
#include "data/tasks/sine_tasks.h"

#include <doctest/doctest.h>

#include <set>

#include "core/error.h"

namespace gradus::sine_tasks_tests {

TEST_CASE("sine tasks: a point by hand") {
  // amplitude 5*(0.5 + 0.02) = 2.6, phase pi/2, x = 10*0.5 - 5 = 0: y = 2.6.
  const SineBatch batch = sine_batch(Tensor::from({1}, {0.5}), Tensor::from({1}, {0.5}),
                                     IntTensor::from({1}, {2}), Tensor::from({1, 2}, {0.5, 0.75}), 3);
  CHECK(batch.x.values() == std::vector<real>{0, 0, 1, 0, 0, 0, 1, 2.5});
  CHECK(double(batch.y.data()[0]) == doctest::Approx(2.6));
  CHECK(double(batch.y.data()[1]) == doctest::Approx(2.6 * -0.8011436155469337));
  CHECK_THROWS_AS(
      sine_batch(Tensor::zeros({1}), Tensor::zeros({1}), IntTensor::from({1}, {3}), Tensor::zeros({1, 2}), 3),
      DataError);
  CHECK_THROWS_AS(
      sine_batch(Tensor::zeros({2}), Tensor::zeros({1}), IntTensor::from({1}, {0}), Tensor::zeros({1, 2}), 3),
      ShapeError);
}

TEST_CASE("sine tasks: slots are different, and not tied to functions") {
  Rng rng(4);
  const SineTasks a = SineTasks::draw(5, 8, rng), b = SineTasks::draw(5, 8, rng);
  const std::vector<int64> slots = a.slots.values();
  CHECK(std::set<int64>(slots.begin(), slots.end()).size() == 5);
  CHECK(a.slots.values() != b.slots.values());
  CHECK(a.points(4, rng).x.shape() == Shape({5, 4, 9}));
  CHECK_THROWS_AS(SineTasks::draw(9, 8, rng), UsageError);
}

}  // namespace gradus::sine_tasks_tests
