#include "optim/methods/prospect.h"

#include <cmath>

#include "core/error.h"

namespace gradus {

Prospect::Prospect(const ProspectOptions& options, int64 n, std::vector<double> w, ExampleLoss loss)
    : options_(options),
      n_(n),
      loss_(std::move(loss)),
      mu_(options.l2_reg / static_cast<double>(std::max<int64>(n, 1))),
      w_(std::move(w)),
      sigma_(spectrum(options.risk, n)) {
  for (int64 i = 0; i < n; ++i) {
    gradients_.emplace_back(w_.size());
    losses_.push_back(evaluate(i, gradients_.back()));
  }
  q_ = rho_ = spectral_weights(losses_, sigma_, options_.nu, options_.penalty);
  sum_anew();
}

double Prospect::evaluate(int64 i, std::vector<double>& gradient) const {
  const double value = loss_(i, w_, gradient);
  if (!std::isfinite(value)) fail<NumericError>("prospect: the loss of example {} is {}", i, value);
  if (options_.oracle_reg == "grad")
    for (size_t j = 0; j < w_.size(); ++j) gradient[j] += mu_ * w_[j];
  return value;
}

void Prospect::sum_anew() {
  gbar_.assign(w_.size(), 0);
  for (size_t i = 0; i < gradients_.size(); ++i)
    for (size_t j = 0; j < gbar_.size(); ++j) gbar_[j] += rho_[i] * gradients_[i][j];
}

std::vector<double> Prospect::direction(int64 i) const {
  const auto at = static_cast<size_t>(i);
  std::vector<double> g(w_.size()), v = gbar_;
  evaluate(i, g);
  for (size_t j = 0; j < v.size(); ++j)
    v[j] += static_cast<double>(n_) * (q_[at] * g[j] - rho_[at] * gradients_[at][j]);
  return v;
}

void Prospect::step(int64 i) {
  if (i < 0 || i >= n_) fail<UsageError>("prospect: there is no example {} of {}", i, n_);
  const auto at = static_cast<size_t>(i);
  const auto n = static_cast<double>(n_);
  std::vector<double> g(w_.size());
  losses_[at] = evaluate(i, g);
  const double shrink = options_.oracle_reg == "prox" ? 1 / (1 + options_.lr * mu_) : 1;
  const double q = q_[at];
  for (size_t j = 0; j < w_.size(); ++j) {
    const double v = n * (q * g[j] - rho_[at] * gradients_[at][j]) + gbar_[j];
    w_[j] = (w_[j] - options_.lr * v) * shrink;
    gbar_[j] += q * g[j] - rho_[at] * gradients_[at][j];
  }
  q_ = spectral_weights(losses_, sigma_, options_.nu, options_.penalty);
  rho_[at] = q;
  gradients_[at] = std::move(g);
  if (++steps_ % n_ == 0) sum_anew();
}

}  // namespace gradus
