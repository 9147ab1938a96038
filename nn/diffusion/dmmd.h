// Deep MMD gradient flow: features by noise level that tell data from noised data, and particles that descend their witness.
//
// Paper: Galashov, De Bortoli, Gretton, "Deep MMD Gradient Flow without adversarial training", ICLR 2025, arXiv 2405.06780.
//   witness   f_t(z) = phi(z,t) . (mean phi(x_t,t) - mean phi(x_0,t))
//   training  z = u x_0 + (1-u) x_t;  gp = mean (|grad_z f_t(z)| - 1)^2,  l2 = mean |phi(x_0,t)|^2 + mean |phi(x_t,t)|^2
//             loss = mean over levels of -MMD^2 + lambda_grad gp + lambda_l2 l2;  MMD^2 unbiased, linear kernel
//   sampling  Z <- Z - step_size grad_Z phi(Z,t) . (mean phi(Z,t) - mean phi(x_0,t)), the means constant, t from t_max to t_min
//             approximate: the first mean over noised data of the level in place of the particles
// The penalty's gradient goes through phi at z and both means (double backward). Departures: defaults of the numbers are ours where the
// paper's are not known.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "autograd/graph.h"
#include "core/options.h"

namespace gradus {

/// phi: points (n,d) and their level t in [0,1] -> features (n,F), differentiable twice.
using LevelFeatures = std::function<Tensor(const Tensor& x, double t)>;

struct DmmdLossOptions {
  double lambda_grad = 1, lambda_l2 = 0.1;
  void visit(auto&& f) {
    f("lambda_grad", lambda_grad, "of the gradient penalty", at_least(0));
    f("lambda_l2", lambda_l2, "of the size of the features", at_least(0));
  }
};
struct DmmdLoss {
  Tensor loss;                                             ///< scalar, recorded
  std::vector<double> mmd2, gradient_penalty, l2_penalty;  ///< by level
};
/// x0, x_t (L,B,d), mixing shares u (L,B), levels t (L). Throws ShapeError, DataError for fewer than two points a level.
DmmdLoss dmmd_loss(const LevelFeatures& phi, const Tensor& x0, const Tensor& x_t, const Tensor& u,
                   std::span<const double> t, const DmmdLossOptions& options = {});

/// grad_z of the sum over rows of phi(z,t) . direction (F), (n,d); nothing is recorded.
Tensor witness_gradient(const LevelFeatures& phi, const Tensor& z, double t, const Tensor& direction);

struct DmmdFlowOptions {
  std::string mode = "exact";
  int64 num_levels = 20, steps_per_level = 5, denoise_steps = 0;
  double step_size = 0.1, t_min = 0.1, t_max = 0.99;
  void visit(auto&& f) {
    f("mode", mode, "particles feel each other, or data noised to their level",
      choices({"exact", "approximate"}));
    f("num_levels", num_levels, "levels of noise after the first", at_least(1));
    f("steps_per_level", steps_per_level, "steps at each", at_least(0));
    f("step_size", step_size, "of a particle along the witness's gradient", positive());
    f("t_min", t_min, "the last level", between(0, 1));
    f("t_max", t_max, "the first level", between(0, 1));
    f("denoise_steps", denoise_steps, "further exact steps at t_min", at_least(0));
  }
  /// t of level k = num_levels..0.
  double level(int64 k) const {
    return t_min + (t_max - t_min) * static_cast<double>(k) / static_cast<double>(num_levels);
  }
};
struct DmmdFlow {
  Tensor particles;    ///< (P,d)
  Tensor level_means;  ///< (num_levels+1,d): the mean particle after each level visited
};
/// Particles (P,d) descend towards data x0 (n,d). x_noised(k): data noised to level k (m,d), for mode approximate. Throws
/// ShapeError; NumericError where particles are no longer finite.
DmmdFlow dmmd_flow(const LevelFeatures& phi, const Tensor& particles, const Tensor& x0,
                   const DmmdFlowOptions& options, const std::function<Tensor(int64 k)>& x_noised = nullptr);

}  // namespace gradus
