#include "data/selection/adaptive_threshold.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace gradus {

double AdaptiveThreshold::next(double mean_loss) {
  const double beta1 = options_.beta1, beta2 = options_.beta2;
  m_ = beta1 * m_ + (1 - beta1) * mean_loss;
  v_ = beta2 * v_ + (1 - beta2) * mean_loss * mean_loss;
  ++batches_;
  return m_ / (std::sqrt(v_) + options_.eps);
}

double AdaptiveThreshold::ema() const {
  return batches_ ? m_ / (1 - std::pow(options_.beta1, static_cast<double>(batches_))) : 0;
}

std::vector<char> losses_within(std::span<const double> losses, double threshold) {
  std::vector<char> keep;
  for (const double l : losses) keep.push_back(l <= threshold);
  return keep;
}

std::vector<char> smallest_losses(std::span<const double> losses, int64 k) {
  std::vector<size_t> order(losses.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) {
    if (std::isnan(losses[a]) || std::isnan(losses[b]))
      return !std::isnan(losses[a]) && std::isnan(losses[b]);
    return losses[a] < losses[b];
  });
  std::vector<char> keep(losses.size(), 0);
  for (size_t i = 0; i < order.size() && static_cast<int64>(i) < k; ++i) keep[order[i]] = 1;
  return keep;
}

}  // namespace gradus
