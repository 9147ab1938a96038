// Sine waves as tasks of regression that are told apart by a slot of the input.
//
// Paper: Javed, Yao, White, "Is Fast Adaptation All You Need?", 2019, arXiv 1910.01705.
//   amplitude = 5*(u_amplitude + 0.02),  phase = pi*u_phase,  x = 10*u_x - 5,  y = amplitude*sin(x + phase)
//   input: one-hot of the task's slot (length `capacity`), then x
#pragma once

#include "core/rng.h"
#include "core/tensor.h"

namespace gradus {

struct SineBatch {
  Tensor x;  ///< (T,B,capacity+1)
  Tensor y;  ///< (T,B)
};
/// All draws u are uniform in [0, 1): u_amplitude, u_phase (T), u_x (T,B); slots (T) in 0 ... capacity-1. Throws ShapeError for
/// shapes that do not fit, DataError for a slot out of range.
SineBatch sine_batch(const Tensor& u_amplitude, const Tensor& u_phase, const IntTensor& slots,
                     const Tensor& u_x, int64 capacity);

/// T tasks with slots that are shuffled anew: fresh functions.
struct SineTasks {
  Tensor u_amplitude, u_phase;  ///< (T)
  IntTensor slots;              ///< (T), different
  int64 capacity = 0;

  /// Fresh functions. Throws UsageError for more tasks than slots.
  static SineTasks draw(int64 tasks, int64 capacity, Rng& rng);
  int64 count() const { return u_amplitude.numel(); }
  /// `points` fresh points of each task.
  SineBatch points(int64 points, Rng& rng) const;
};

}  // namespace gradus
