#include "optim/methods/gradient_moments.h"

#include <cmath>
#include <numeric>

#include "core/error.h"

namespace gradus {
namespace {

double inner_of(std::span<const double> a, std::span<const double> b) {
  return std::inner_product(a.begin(), a.end(), b.begin(), 0.0);
}

double trace_at(const ExamplePool& pool, std::span<const double> theta) {
  const std::vector<double> g = pool.gradient(theta, {});
  return pool.mean_square_gradient(theta) - inner_of(g, g);
}

// to += c*x.
void add_to(std::span<double> to, double c, std::span<const double> x) {
  for (size_t i = 0; i < to.size(); ++i) to[i] += c * x[i];
}

}  // namespace

std::vector<double> ExamplePool::trace_gradient(std::span<const double>) const { return {}; }

GradientMoments gradient_moments(const ExamplePool& pool, std::span<const double> theta) {
  GradientMoments at{.mean_gradient = pool.gradient(theta, {})};
  const double square = inner_of(at.mean_gradient, at.mean_gradient);
  at.trace_covariance = pool.mean_square_gradient(theta) - square;
  at.trace_gradient = pool.trace_gradient(theta);
  if (!at.trace_gradient.empty()) {
    at.directional = inner_of(at.mean_gradient, at.trace_gradient);
  } else if (square > 0) {
    const double h = 1e-3 / std::sqrt(square);
    std::vector<double> ahead(theta.begin(), theta.end()), behind = ahead;
    add_to(ahead, h, at.mean_gradient);
    add_to(behind, -h, at.mean_gradient);
    at.directional = (trace_at(pool, ahead) - trace_at(pool, behind)) / (2 * h);
  }
  return at;
}

double predicted_gap(const GradientMoments& at, double lr, int64 train_size) {
  return lr * at.trace_covariance / static_cast<double>(train_size);
}

double predicted_difference(const GradientMoments& at, double lr, int64 train_size, int64 steps) {
  const double k = static_cast<double>(steps);
  return -k * (k - 1) / 4 * lr * lr / static_cast<double>(train_size) * at.directional;
}

DescentPair descent_pair(const ExamplePool& pool, std::span<const double> theta, std::span<const int64> index,
                         double lr, int64 steps) {
  const int64 n = std::ssize(index);
  if (steps < 1 || n < 1 || n % steps != 0)
    fail<UsageError>("a sample of {} examples has no {} equal parts", n, steps);
  for (const int64 i : index)
    if (i < 0 || i >= pool.size())
      fail<UsageError>("example {} is not in a pool of {}: 0 to {}", i, pool.size(), pool.size() - 1);
  const size_t part = static_cast<size_t>(n / steps);
  const auto gap = [&](std::span<const double> at) { return pool.loss(at, {}) - pool.loss(at, index); };
  DescentPair pair{std::vector<double>(theta.begin(), theta.end()),
                   std::vector<double>(theta.begin(), theta.end())};
  for (size_t k = 0; k < static_cast<size_t>(steps); ++k) {
    add_to(pair.theta_sgd, -lr, pool.gradient(pair.theta_sgd, index.subspan(k * part, part)));
    add_to(pair.theta_gd, -lr, pool.gradient(pair.theta_gd, index));
    if (k == 0) pair.first_step_gap_change = gap(pair.theta_gd) - gap(theta);
  }
  pair.test_loss_sgd = pool.loss(pair.theta_sgd, {});
  pair.test_loss_gd = pool.loss(pair.theta_gd, {});
  pair.gap_sgd = pair.test_loss_sgd - pool.loss(pair.theta_sgd, index);
  pair.gap_gd = pair.test_loss_gd - pool.loss(pair.theta_gd, index);
  return pair;
}

ExpectedPair expected_pair(const ExamplePool& pool, std::span<const double> theta, int64 train_size,
                           double lr, int64 steps) {
  constexpr double kMost = 1e6;
  const double samples = std::pow(static_cast<double>(pool.size()), static_cast<double>(train_size));
  if (train_size < 1 || !(samples <= kMost))
    fail<UsageError>("{} samples of {} examples from a pool of {}: at most {}", samples, train_size,
                     pool.size(), kMost);
  std::vector<int64> index(static_cast<size_t>(train_size), 0);
  ExpectedPair mean;
  for (bool more = true; more;) {
    const DescentPair pair = descent_pair(pool, theta, index, lr, steps);
    mean.difference += pair.difference() / samples;
    mean.gap_change += pair.first_step_gap_change / samples;
    more = false;  // the next sample, as an odometer counts
    for (size_t i = index.size(); i-- > 0 && !more;) {
      more = ++index[i] < pool.size();
      if (!more) index[i] = 0;
    }
  }
  return mean;
}

}  // namespace gradus
