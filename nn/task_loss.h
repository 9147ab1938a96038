// The loss that a task trains with, for any model of the registry.
#pragma once

#include "nn/model.h"

namespace gradus {

/// What an output is compared with; which one a task reads is said at Task.
struct Target {
  IntTensor labels;  ///< classes (N) or next tokens (N,T)
  Tensor values;     ///< real targets, or the noise that was added
};

/// What a model is called with, and what its output is compared with.
struct TaskBatch {
  Input input;
  Target target;
};

/// Mean loss of a batch: cross-entropy (with label smoothing) of classes or next tokens, mean squared error
/// with the input, the targets or the noise.
Tensor task_loss(Task task, const Tensor& output, const Input& x, const Target& target,
                 real label_smoothing = 0);

/// A batch to train a denoiser on. Ho et al., 2020 (arXiv 2006.11239), eq. 14, in continuous time with the
/// cosine schedule of Nichol and Dhariwal, ICML 2021, arXiv 2102.09672:
///   t ~ U(0,1),  noise ~ N(0, I),  x_t = sqrt(abar(t)) x + sqrt(1 - abar(t)) noise,
///   abar(t) = cos^2(pi/2 (t + s) / (1 + s)) / cos^2(pi/2 s / (1 + s)),  s = 0.008.
/// The result holds x_t with its times and classes, and the noise. Classes (if any) are replaced by "none"
/// with probability drop_class (classifier-free guidance).
TaskBatch add_noise(const Input& x, Rng& rng, double drop_class = 0.1);
/// abar(t) of the cosine schedule, t in [0, 1].
double cosine_alpha_bar(double t);

}  // namespace gradus
