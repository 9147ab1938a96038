// Are a model's gradients right? Finite differences of its own training loss, one random direction a
// parameter (every element at once; autograd/grad_check.h goes element by element).
#pragma once

#include "nn/task_loss.h"

namespace gradus {

/// A random batch of n samples that fits the model (inputs N(0, 1), labels uniform).
TaskBatch random_batch(Model& model, int64 n, Rng& rng);

struct ModelCheck {
  std::string parameter;  ///< where the worst error was
  double error = 0;  ///< |analytic - numeric| / max(|analytic|, |numeric|, 1e-3 |gradient| |direction|, 1e-4)
  double analytic = 0, numeric = 0;
};
/// For each trainable parameter: the derivative of the training loss along a random direction against the
/// central difference with the given step, relative to the parameter's size, or ten or a hundred times, a tenth or a
/// hundredth of it where that agrees better (a larger step may reach over a kink of ReLU, a smaller one drowns in
/// rounding; a wrong gradient is wrong at every step). Returns the worst. All
/// parameters are first moved by noise of `scale` times their size, so that nothing is hidden behind zeros, and are
/// put back at the end; dropout masks are held. Meaningful in double (gradus64) only.
ModelCheck check_model(Model& model, const Rng& rng, int64 batch = 3, double step = 1e-5, double scale = 0.3);

}  // namespace gradus
