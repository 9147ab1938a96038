#include "nn/alignment/constrained_policy.h"

#include <algorithm>
#include <cmath>

#include "autograd/ops/elementwise.h"
#include "autograd/ops/nn_ops.h"
#include "autograd/ops/shape_ops.h"
#include "core/error.h"

namespace gradus {
namespace {

double squashed(const std::string& squash, double x) {
  return squash == "tanh" ? std::tanh(x) : squash == "sigmoid" ? 1 / (1 + std::exp(-x)) : x;
}
double squash_slope(const std::string& squash, double x) {
  if (squash == "none") return 1;
  const double y = squashed(squash, x);
  return squash == "tanh" ? 1 - y * y : y * (1 - y);
}

// Column k of (B,K), as (B).
Tensor column(const Tensor& x, int64 k) { return reshape(slice(x, 1, k, k + 1), Shape{x.dim(0)}); }

}  // namespace

Multipliers::Multipliers(std::vector<double> lambda, std::vector<double> thresholds,
                         const MultiplierOptions& o)
    : o_(o), lambda_(std::move(lambda)), thresholds_(std::move(thresholds)) {
  if (lambda_.size() != thresholds_.size())
    fail<ShapeError>("multipliers: {} of them for {} thresholds", lambda_.size(), thresholds_.size());
}

std::vector<double> Multipliers::mu() const {
  std::vector<double> mu;
  for (const double l : lambda_) mu.push_back(squashed(o_.squash, l));
  return mu;
}

double Multipliers::kl_weight() const {
  if (o_.squash == "none") return 1;
  double weight = static_cast<double>(lambda_.size());
  for (const double m : mu()) weight -= m;
  return weight;
}

void Multipliers::update(const Tensor& reward_to_go) {
  const auto n = static_cast<int64>(lambda_.size());
  if (reward_to_go.rank() != 2 || reward_to_go.dim(1) != n || reward_to_go.dim(0) < 1)
    fail<ShapeError>("multipliers: rewards to go {}: needs (B,{}) with a step", reward_to_go.shape().str(),
                     n);
  const int64 rows = reward_to_go.dim(0);
  std::vector<double> g;
  double squares = 0;
  for (int64 i = 0; i < n; ++i) {
    double total = 0;
    for (int64 b = 0; b < rows; ++b) total += static_cast<double>(reward_to_go.data()[b * n + i]);
    const auto at = static_cast<size_t>(i);
    const double mean = total / static_cast<double>(rows);
    if (!std::isfinite(mean)) fail<NumericError>("multipliers: the mean of reward {} is {}", i, mean);
    g.push_back(squash_slope(o_.squash, lambda_[at]) * (mean - thresholds_[at]));
    squares += g.back() * g.back();
  }
  const double factor = std::min(1.0, o_.max_grad_norm / (std::sqrt(squares) + 1e-6));
  const bool first = buf_.empty();
  buf_.resize(lambda_.size(), 0);
  for (size_t i = 0; i < lambda_.size(); ++i) {
    const double step = g[i] * factor;
    buf_[i] = first ? step : o_.lagrange_momentum * buf_[i] + step;
    lambda_[i] -= o_.lagrange_lr * buf_[i];
    if (o_.squash == "none") lambda_[i] = std::max(lambda_[i], 0.0);
  }
}

Tensor mixed_advantage(const Tensor& kl_advantages, const Tensor& rm_advantages,
                       const Multipliers& multipliers, bool normalize) {
  const std::vector<double> mu = multipliers.mu();
  const auto n = static_cast<int64>(mu.size());
  if (kl_advantages.rank() != 1 || rm_advantages.shape() != Shape{kl_advantages.dim(0), n})
    fail<ShapeError>("mixed_advantage: advantages {} and {}: needs (B) and (B,{})",
                     kl_advantages.shape().str(), rm_advantages.shape().str(), n);
  const auto part = [&](const Tensor& a) { return normalize ? standardised(a, 1e-8) : a; };
  Tensor mixed = part(kl_advantages) * static_cast<real>(multipliers.kl_weight());
  for (int64 i = 0; i < n; ++i)
    mixed = mixed + part(column(rm_advantages, i)) * static_cast<real>(mu[static_cast<size_t>(i)]);
  return mixed.detach();
}

ConstrainedLoss constrained_ppo_loss(const ConstrainedBatch& batch, const Multipliers& multipliers,
                                     const ConstrainedPpoOptions& o) {
  const auto n = static_cast<int64>(multipliers.values().size());
  const Shape wide{batch.logp.rank() == 1 ? batch.logp.dim(0) : -1, n + 1};
  for (const Tensor* t : {&batch.values, &batch.advantages, &batch.returns})
    if (t->shape() != wide)
      fail<ShapeError>("constrained_ppo_loss: {} where (B,{}) is needed for log-probabilities {}",
                       t->shape().str(), n + 1, batch.logp.shape().str());
  const Tensor a = mixed_advantage(column(batch.advantages, n).detach(),
                                   slice(batch.advantages, 1, 0, n).detach(), multipliers, o.normalize);
  ConstrainedLoss out;
  out.policy = ppo_clip_loss(batch.logp, batch.old_logp, a, {.clip = o.clip, .normalize = false}).loss;
  const Tensor returns = batch.returns.detach();
  out.value =
      mse_loss(slice(batch.values, 1, 0, n), slice(returns, 1, 0, n)) * static_cast<real>(o.rm_vf_coef) +
      mse_loss(slice(batch.values, 1, n, n + 1), slice(returns, 1, n, n + 1)) *
          static_cast<real>(o.kl_vf_coef);
  return out;
}

}  // namespace gradus
