// Metagradient descent: settings of training improved by metagradients, and how smooth training is in them.
//
// Paper: Engstrom, Ilyas, Chen, Feldmann, Moses, Madry, "Optimizing ML Training with Metagradient Descent", 2025,
// arXiv 2503.13751, Definition 2 and sections 4 to 5.
//   metasmoothness  S = sum_j d_j*s_j / sum_j d_j,  d = |theta(z + 2h) - theta(z)|,
//                   s = sign(theta(z + h) - theta(z)) * sign(theta(z + 2h) - theta(z + h))
//   step sizes      z: values at K equidistant keypoints, linear between them;  z <- max(0, z - step*sign(g)), or g/||g||
//   data            counts c_i, losses sum c_i l_i / sum c_i; at one step sum_i z_i l_i is added at z = 0;
//                   c_i <- max(0, c_i - m_i*sign(dphi/dz_i)), m_i = 1 with probability p, else 0
#pragma once

#include <functional>
#include <span>
#include <string>

#include "optim/bilevel/metagradient.h"

namespace gradus {

/// In [-1, 1]; 1 where nothing moves. Throws ShapeError for different shapes.
double metasmoothness(const Tensor& theta_0, const Tensor& theta_h, const Tensor& theta_2h);

/// (K) values at keypoints -> (T) step sizes; keypoint j sits at step j*(T-1)/(K-1), one alone holds everywhere.
/// Differentiable. Throws UsageError for K < 1 or T < 1.
Tensor interpolate_keypoints(const Tensor& keypoints, int64 steps);

/// max(0, z - step*sign(g)) or, normalised, max(0, z - step*g/||g||) (g = 0 moves nothing).
Tensor metagradient_step(const Tensor& z, const Tensor& g, double step_size, bool normalised);

/// Training on counted examples.
struct CountedTraining {
  DifferentiableRule rule;
  double lr = 0.1;
  int64 steps = 1;
  int64 surrogate_step = 0;  ///< the step, from 0, at which sum_i z_i l_i is added
  int64 examples = 0;        ///< n
  /// Losses (m) of the examples named by `rows`.
  std::function<Tensor(std::span<const Tensor> params, const IntTensor& rows)> losses;
  std::function<IntTensor(int64 t)> batch;  ///< examples of step t
  std::function<Tensor(std::span<const Tensor> params)> target;
  int64 branching = 8;
};
struct CountGradient {
  double target = 0;
  Tensor grads;    ///< dphi/dz (n)
  Tensors params;  ///< trained ones
};
/// The counts (n) weigh each example's loss; a batch of counts 0 leaves the parameters to the rule's state alone. Only the steps
/// from surrogate_step on are gone through backwards. Throws UsageError for a surrogate step that is none, ShapeError for other
/// numbers of counts.
CountGradient count_gradient(const CountedTraining& training, std::span<const Tensor> start,
                             const Tensor& counts);

/// max(0, c - mask*sign(g)).
Tensor next_counts(const Tensor& counts, const Tensor& grads, const Tensor& mask);

}  // namespace gradus
