#include "apps/active/adversary.h"

#include <algorithm>
#include <cmath>

#include "core/error.h"

namespace gradus {

Adversary::Adversary(std::vector<double> weights, std::vector<double> thetas, const AdversaryOptions& options)
    : options_(options), d_(weights.empty() ? 0 : thetas.size() / weights.size()) {
  if (weights.empty() || thetas.size() != d_ * weights.size())
    fail<ShapeError>("adversary: {} weights, {} coordinates of instances", weights.size(), thetas.size());
  const auto start = [](std::vector<double> x) {
    const std::vector<double> zeros(x.size(), 0);
    return Ascent{std::move(x), zeros, zeros};
  };
  weights_ = start(std::move(weights));
  thetas_ = start(std::move(thetas));
}

std::vector<double> Adversary::probabilities() const {
  const double most = *std::max_element(weights_.x.begin(), weights_.x.end());
  std::vector<double> p;
  double sum = 0;
  for (const double w : weights_.x) sum += p.emplace_back(std::exp(w - most));
  for (double& x : p) x /= sum;
  return p;
}

std::vector<double> Adversary::weight_gradient(std::span<const double> losses,
                                               std::span<const double> offsets) const {
  if (losses.size() != size() || offsets.size() != size())
    fail<ShapeError>("adversary: {} losses, {} offsets of {} instances", losses.size(), offsets.size(),
                     size());
  std::vector<double> g = probabilities();
  double mean = 0;
  for (size_t j = 0; j < g.size(); ++j) mean += g[j] * (losses[j] - offsets[j]);
  for (size_t j = 0; j < g.size(); ++j) g[j] *= losses[j] - offsets[j] - mean;
  return g;
}

void Adversary::Ascent::step(std::span<const double> g, double lr, int64 t, const AdversaryOptions& o) {
  const double c1 = 1 - std::pow(o.beta1, static_cast<double>(t)),
               c2 = 1 - std::pow(o.beta2, static_cast<double>(t));
  for (size_t i = 0; i < x.size(); ++i) {
    m[i] = o.beta1 * m[i] + (1 - o.beta1) * g[i];
    v[i] = o.beta2 * v[i] + (1 - o.beta2) * g[i] * g[i];
    const double root = std::sqrt(v[i] / c2) + o.eps;
    if (root > 0) x[i] += lr * (m[i] / c1) / root;
  }
}

void Adversary::ascend(std::span<const double> losses, std::span<const double> offsets,
                       std::span<const double> theta_gradients) {
  if (theta_gradients.size() != thetas_.x.size())
    fail<ShapeError>("adversary: {} coordinates of gradients, {} of instances", theta_gradients.size(),
                     thetas_.x.size());
  const std::vector<double> g = weight_gradient(losses, offsets);
  ++steps_;
  weights_.step(g, options_.weight_lr, steps_, options_);
  thetas_.step(theta_gradients, options_.theta_lr, steps_, options_);
}

void Adversary::enforce(const ComplexityOf& complexity, std::span<const double> radius) {
  if (radius.size() != size()) fail<ShapeError>("adversary: {} radii of {} instances", radius.size(), size());
  for (size_t j = 0; j < size(); ++j) {
    const double c = complexity(j, theta(j));
    if (!(c > radius[j]) || !std::isfinite(c)) continue;
    for (size_t i = 0; i < d_; ++i) thetas_.x[j * d_ + i] *= std::sqrt(c / radius[j]);
  }
}

void Adversary::replace(size_t j, std::span<const double> theta) {
  for (size_t i = 0; i < d_; ++i) {
    thetas_.x[j * d_ + i] = theta[i];
    thetas_.m[j * d_ + i] = thetas_.v[j * d_ + i] = 0;
  }
}

}  // namespace gradus
