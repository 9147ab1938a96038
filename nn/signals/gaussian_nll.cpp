#include "nn/signals/gaussian_nll.h"

#include <cmath>
#include <numbers>

#include "autograd/ops/elementwise.h"
#include "autograd/ops/reduce.h"
#include "core/error.h"

namespace gradus {

Tensor gaussian_nll(const Tensor& mu, const Tensor& log_sigma, const Tensor& y,
                    const GaussianNllOptions& options) {
  if (!(mu.shape() == y.shape()) || !(log_sigma.shape() == y.shape()))
    fail<ShapeError>("gaussian_nll: mu {}, log_sigma {}, y {}", mu.shape().str(), log_sigma.shape().str(),
                     y.shape().str());
  if (options.log_sigma_min > options.log_sigma_max)
    fail<UsageError>("gaussian_nll: log_sigma_min {} above log_sigma_max {}", options.log_sigma_min,
                     options.log_sigma_max);
  const Tensor c =
      clamp(log_sigma, static_cast<real>(options.log_sigma_min), static_cast<real>(options.log_sigma_max));
  const Tensor each = c + square(y - mu) * exp(c * real(-2)) * real(0.5);
  return mean(each) + static_cast<real>(0.5 * std::log(2 * std::numbers::pi));
}

}  // namespace gradus
