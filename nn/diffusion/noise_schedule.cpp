#include "nn/diffusion/noise_schedule.h"

#include <algorithm>
#include <numbers>

#include "core/error.h"

namespace gradus {

NoiseSchedule noise_schedule(const NoiseScheduleOptions& o) {
  const auto T = static_cast<size_t>(o.num_train_steps);
  const auto count = static_cast<double>(o.num_train_steps);
  if (o.clamp_min > o.clamp_max)
    fail<UsageError>("noise schedule: clamp_min {} is above clamp_max {}", o.clamp_min, o.clamp_max);
  const auto f = [&](double u) {
    const double c = std::cos((u + o.s) / (1 + o.s) * std::numbers::pi / 2);
    return c * c;
  };
  NoiseSchedule n{std::vector<double>(T), std::vector<double>(T)};
  double before = 1;  // alpha_bar of the level below
  for (size_t i = 0; i < T; ++i) {
    const auto at = static_cast<double>(i);
    if (o.schedule == "cosine-clamped") {
      n.alpha_bar[i] = std::clamp(f((at + 1) / count) / f(0), o.clamp_min, o.clamp_max);
      n.betas[i] = 1 - n.alpha_bar[i] / before;
    } else {
      n.betas[i] = o.schedule == "cosine" ? std::min(1 - f((at + 1) / count) / f(at / count), o.max_beta)
                   : T == 1               ? o.beta_start
                                          : o.beta_start + (o.beta_end - o.beta_start) * at / (count - 1);
      n.alpha_bar[i] = before * (1 - n.betas[i]);
    }
    before = n.alpha_bar[i];
  }
  return n;
}

std::vector<int64> sampling_timesteps(int64 num_steps, int64 num_train_steps) {
  if (num_steps < 1 || num_train_steps < 1)
    fail<UsageError>("sampling_timesteps: {} steps of {} levels", num_steps, num_train_steps);
  if (num_steps == 1) return {num_train_steps - 1};
  std::vector<int64> t;
  for (int64 i = 0; i < num_steps; ++i) {
    const double share = 1 - static_cast<double>(i) / static_cast<double>(num_steps - 1);
    t.push_back(static_cast<int64>(std::floor(static_cast<double>(num_train_steps - 1) * share + 0.5)));
  }
  return t;
}

std::vector<NoiseLevel> sampling_levels(const NoiseSchedule& schedule, int64 num_steps) {
  std::vector<NoiseLevel> levels;
  for (const int64 t : sampling_timesteps(num_steps, std::ssize(schedule.alpha_bar)))
    levels.push_back({t, schedule.alpha_bar[static_cast<size_t>(t)]});
  return levels;
}

}  // namespace gradus
