#include "data/selection/gain_sampler.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace gradus {
namespace {

double log_weight(int64 i, double mu, double sigma) {
  const double z = (static_cast<double>(i) - mu) / sigma;
  return -0.5 * z * z;
}

// 0..count-1 by descending key, equal ones by index.
std::vector<int64> by_descending(std::span<const double> keys) {
  std::vector<int64> order(keys.size());
  std::iota(order.begin(), order.end(), int64{0});
  std::stable_sort(order.begin(), order.end(), [&](int64 a, int64 b) {
    return keys[static_cast<size_t>(a)] > keys[static_cast<size_t>(b)];
  });
  return order;
}

}  // namespace

std::vector<double> gaussian_probs(int64 count, double mu, double sigma) {
  std::vector<double> p;
  double largest = -INFINITY, total = 0;
  for (int64 i = 0; i < count; ++i) largest = std::max(largest, log_weight(i, mu, sigma));
  for (int64 i = 0; i < count; ++i) p.push_back(std::exp(log_weight(i, mu, sigma) - largest));
  for (const double v : p) total += v;
  for (double& v : p) v /= total;
  return p;
}

std::vector<int64> gaussian_subset(std::span<const double> u, double mu, double sigma, int64 size) {
  std::vector<double> keys;
  for (size_t i = 0; i < u.size(); ++i) {
    if (!(u[i] >= 0 && u[i] <= 1)) fail<DataError>("gaussian_subset: u[{}] = {}: needs 0..1", i, u[i]);
    keys.push_back(log_weight(static_cast<int64>(i), mu, sigma) - std::log(-std::log(u[i])));
  }
  std::vector<int64> positions = by_descending(keys);
  positions.resize(std::min(positions.size(), static_cast<size_t>(std::max<int64>(size, 0))));
  std::sort(positions.begin(), positions.end());
  return positions;
}

std::vector<int64> descending_order(std::span<const double> signals) {
  for (const double s : signals)
    if (std::isnan(s)) fail<DataError>("gain sampler: a signal is NaN");
  return by_descending(signals);
}

double moved_centre(double mu, double accuracy, double angle, int64 size, const GainCentreOptions& o) {
  if (!(accuracy >= 0 && accuracy <= 1)) fail<DataError>("gain sampler: accuracy {}: needs 0..1", accuracy);
  const double adj = o.n * std::tanh(o.alpha * (accuracy - o.beta)) + o.n * std::tanh(o.alpha * angle);
  return std::min(mu + std::min(std::max(adj, 0.0), o.adj_max), static_cast<double>(size - 1));
}

GainSampler::GainSampler(std::span<const double> signals, const GainSamplerOptions& options)
    : o_(options), order_(descending_order(signals)) {
  if (order_.empty()) fail<DataError>("gain sampler: no prompts");
}

std::vector<int64> GainSampler::subset(std::span<const double> u) const {
  if (u.size() != order_.size())
    fail<ShapeError>("gain sampler: {} draws for {} positions", u.size(), order_.size());
  std::vector<int64> items;
  for (const int64 position : gaussian_subset(u, mu_, o_.sigma, o_.subset_size))
    items.push_back(order_[static_cast<size_t>(position)]);
  return items;
}

std::vector<int64> GainSampler::subset(Rng& rng) const {
  std::vector<double> u;
  for (size_t i = 0; i < order_.size(); ++i) u.push_back(rng.uniform());
  return subset(u);
}

void GainSampler::update(double accuracy, double angle) {
  mu_ = moved_centre(mu_, accuracy, angle, static_cast<int64>(order_.size()), o_);
}

}  // namespace gradus
