#include "optim/client/hyper_local_rate.h"

#include <algorithm>

#include "optim/elements.h"

namespace gradus {

HyperLocalRate::HyperLocalRate(const HyperLocalOptions& options, const Tensor& direction, int64 steps,
                               double lr_scale)
    : o_(options), direction_(direction), lr_(options.lr * lr_scale), steps_(static_cast<double>(steps)) {}

void HyperLocalRate::change(double beta) { beta_ = std::clamp(beta, 1 / o_.gamma_beta, o_.gamma_beta); }

Tensor HyperLocalRate::step(const Tensor& g, bool first_of_epoch) {
  const auto along_server = [&](const Tensor& v) { return direction_.defined() ? dot(v, direction_) : 0; };
  const bool paper = o_.form == "paper";
  if (!momentum_.defined()) momentum_ = Tensor::zeros(g.shape());
  if (paper) {
    if (!first_) change(beta_ + o_.hyper_lr * (dot(g, last_) - along_server(g) / steps_));
    last_ = g.clone();
  } else if (first_) {
    last_ = direction_.defined() ? direction_.clone() : Tensor::zeros(g.shape());
  }
  first_ = false;
  used_ = beta_;
  Tensor s(g.shape());
  for_each_element(s, g, momentum_,
                   [rate = static_cast<real>(beta_ * lr_), mu = static_cast<real>(o_.momentum)](
                       real& step, real gradient, real& m) {
                     m = mu * m + gradient;
                     step = -rate * m;
                   });
  if (!paper && !first_of_epoch) {
    const double growth =
        1 + o_.hyper_lr * (dot(s, last_) + 0.1 * along_server(s) / static_cast<double>(o_.n_sel));
    change(std::min(o_.max_growth, growth) * beta_);
    last_ = s.clone();
  }
  return s;
}

}  // namespace gradus
