#include "data/tasks/sine_tasks.h"

#include <cmath>
#include <numbers>

#include "core/error.h"

namespace gradus {

SineBatch sine_batch(const Tensor& u_amplitude, const Tensor& u_phase, const IntTensor& slots,
                     const Tensor& u_x, int64 capacity) {
  const int64 tasks = slots.numel();
  const Shape vector({tasks});
  if (!(u_amplitude.shape() == vector) || !(u_phase.shape() == vector) || u_x.rank() != 2 ||
      u_x.dim(0) != tasks)
    fail<ShapeError>("sine_batch: amplitudes {}, phases {}, points {} for {} slots",
                     u_amplitude.shape().str(), u_phase.shape().str(), u_x.shape().str(), tasks);
  const int64 points = u_x.dim(1), width = capacity + 1;
  SineBatch batch{Tensor::zeros({tasks, points, width}), Tensor({tasks, points})};
  real *x = batch.x.mutable_data(), *y = batch.y.mutable_data();
  for (int64 t = 0; t < tasks; ++t) {
    if (slots[t] < 0 || slots[t] >= capacity)
      fail<DataError>("sine_batch: slot {} of {}", slots[t], capacity);
    const double amplitude = 5 * (static_cast<double>(u_amplitude.data()[t]) + 0.02),
                 phase = std::numbers::pi * static_cast<double>(u_phase.data()[t]);
    for (int64 b = 0; b < points; ++b, x += width, ++y) {
      const double at = 10 * static_cast<double>(u_x.data()[t * points + b]) - 5;
      x[slots[t]] = 1;
      x[capacity] = static_cast<real>(at);
      *y = static_cast<real>(amplitude * std::sin(at + phase));
    }
  }
  return batch;
}

SineTasks SineTasks::draw(int64 tasks, int64 capacity, Rng& rng) {
  if (tasks > capacity) fail<UsageError>("sine tasks: {} tasks for {} slots", tasks, capacity);
  const std::vector<int64> order = rng.permutation(capacity);
  return {rng.uniform_tensor({tasks}), rng.uniform_tensor({tasks}),
          IntTensor::from({tasks}, std::span(order).first(static_cast<size_t>(tasks))), capacity};
}

SineBatch SineTasks::points(int64 points, Rng& rng) const {
  return sine_batch(u_amplitude, u_phase, slots, rng.uniform_tensor({count(), points}), capacity);
}

}  // namespace gradus
