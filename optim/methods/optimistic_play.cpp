#include "optim/methods/optimistic_play.h"

#include <cmath>

#include "core/error.h"

namespace gradus {

OptimisticPlayer::OptimisticPlayer(const OptimisticOptions& options, std::span<const double> start)
    : o_(options),
      start_(start.begin(), start.end()),
      x_(start_),
      g_(start_.size(), 0.0),
      sum_g_(start_.size(), 0.0),
      played_(start_) {}

const std::vector<double>& OptimisticPlayer::play() {
  const double t = static_cast<double>(t_);
  gamma_ = o_.method == "adaoptda+" ? std::pow(1 + lambda_before_, o_.q - 0.5)
                                    : o_.gamma * std::pow(t, -o_.gamma_power);
  for (size_t i = 0; i < x_.size(); ++i) played_[i] = x_[i] - gamma_ * g_[i];
  return played_;
}

void OptimisticPlayer::observe(std::span<const double> gradient) {
  if (gradient.size() != x_.size())
    fail<ShapeError>("optimistic play: a gradient of {} for a player of {}", gradient.size(), x_.size());
  // eta_{t+1} looks at the sums up to t - 1: at what was known before this round's noise.
  const double next = static_cast<double>(t_ + 1);
  eta_ = o_.method == "adaoptda+" ? 1 / std::sqrt(1 + lambda_ + mu_) : o_.eta * std::pow(next, -o_.eta_power);
  double square = 0, move = 0;
  for (size_t i = 0; i < x_.size(); ++i) {
    if (!std::isfinite(gradient[i]))
      fail<NumericError>("optimistic play: a gradient is {} in round {}", gradient[i], t_);
    g_[i] = gradient[i];
    sum_g_[i] += g_[i];
    square += g_[i] * g_[i];
    const double to = o_.method == "og+" ? x_[i] - eta_ * g_[i] : start_[i] - eta_ * sum_g_[i];
    move += (x_[i] - to) * (x_[i] - to);
    x_[i] = to;
  }
  lambda_before_ = lambda_;
  lambda_ += square;
  mu_ += move;
  ++t_;
}

}  // namespace gradus
