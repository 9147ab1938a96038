// How much noise each level of a diffusion process holds.
//
// Papers: Ho, Jain, Abbeel, "Denoising Diffusion Probabilistic Models", NeurIPS 2020, arXiv 2006.11239 (linear);
//         Nichol, Dhariwal, "Improved Denoising Diffusion Probabilistic Models", ICML 2021, arXiv 2102.09672 (cosine).
//   x_t = a x0 + s noise,  a = sqrt(alpha_bar_t),  s = sqrt(1 - alpha_bar_t),  alpha_bar_t = product of (1 - beta_i) up to t
//   linear          beta equally spaced from beta_start to beta_end
//   cosine          f(u) = cos^2(((u + s)/(1 + s)) pi/2),  beta_i = min(1 - f((i+1)/T)/f(i/T), max_beta)
//   cosine-clamped  alpha_bar_i = f((i+1)/T)/f(0) within [clamp_min, clamp_max],  beta_i = 1 - alpha_bar_i/alpha_bar_{i-1}
#pragma once

#include <cmath>
#include <vector>

#include "core/options.h"

namespace gradus {

struct NoiseScheduleOptions {
  std::string schedule = "cosine-clamped";
  int64 num_train_steps = 1000;
  double beta_start = 1e-4, beta_end = 0.02, s = 0.008, max_beta = 0.999, clamp_min = 1e-4,
         clamp_max = 0.9999;
  void visit(auto&& f) {
    f("schedule", schedule, "noise by level", choices({"cosine-clamped", "cosine", "linear"}));
    f("num_train_steps", num_train_steps, "levels of noise", at_least(1));
    f("beta_start", beta_start, "linear: the first beta", decay_rate());
    f("beta_end", beta_end, "linear: the last beta", decay_rate());
    f("s", s, "cosine: keeps the first beta off 0", at_least(0));
    f("max_beta", max_beta, "cosine: the largest beta", decay_rate());
    f("clamp_min", clamp_min, "cosine-clamped: the least alpha_bar",
      Limits{.low = 0, .high = 1, .low_open = true});
    f("clamp_max", clamp_max, "cosine-clamped: the largest alpha_bar",
      Limits{.low = 0, .high = 1, .low_open = true});
  }
};

struct NoiseSchedule {
  std::vector<double> betas, alpha_bar;  ///< by level, T of each
};
/// Throws UsageError for a clamp whose ends are the wrong way round.
NoiseSchedule noise_schedule(const NoiseScheduleOptions& options);

/// One level as samplers and denoisers see it.
struct NoiseLevel {
  int64 t = 0;           ///< its number, 0..T-1
  double alpha_bar = 1;  ///< in [0, 1]; 1: no noise
  double a() const { return std::sqrt(alpha_bar); }
  double s() const { return std::sqrt(1 - alpha_bar); }
};

/// t_i = floor((T-1)(1 - i/(N-1)) + 0.5), i = 0..N-1; N = 1: T-1 alone. Throws UsageError for N or T below 1.
std::vector<int64> sampling_timesteps(int64 num_steps, int64 num_train_steps);
/// The levels at these times, the noisiest first. What follows the last is alpha_bar = 1.
std::vector<NoiseLevel> sampling_levels(const NoiseSchedule& schedule, int64 num_steps);

}  // namespace gradus
