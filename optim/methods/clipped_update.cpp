#include "optim/methods/clipped_update.h"

#include <algorithm>
#include <cmath>

#include "core/error.h"
#include "optim/elements.h"

namespace gradus {

ClippedUpdate::ClippedUpdate(std::span<const Tensor> params, const ClippedUpdateOptions& options)
    : o_(options) {
  const double start = o_.optimizer == "adagrad" ? o_.initial_accumulator : 0;
  for (const Tensor& p : params) {
    params_.push_back(p.clone());
    m_.push_back(Tensor::zeros(p.shape()));
    v_.push_back(Tensor::full(p.shape(), static_cast<real>(start)));
  }
}

void ClippedUpdate::state(const StateArchive& archive) {
  archive("params", params_);
  archive("m", m_);
  archive("v", v_);
  archive("t", t_);
}

void ClippedUpdate::step(std::span<const Tensor> grads) {
  if (grads.size() != params_.size())
    fail<ShapeError>("clipped update: {} gradients for {} parameters", grads.size(), params_.size());
  for (size_t i = 0; i < grads.size(); ++i) {
    if (grads[i].shape() != params_[i].shape())
      fail<ShapeError>("clipped update: a gradient {} for a parameter {}", grads[i].shape().str(),
                       params_[i].shape().str());
    if (!all_finite(grads[i]))
      fail<NumericError>("clipped update: a gradient of shape {} is not finite", grads[i].shape().str());
  }
  const double t = static_cast<double>(++t_);
  const real lr = static_cast<real>(o_.lr), most = static_cast<real>(o_.clip);
  const auto move = [lr, most](real& p, real u) { p += std::clamp(-lr * u, -most, most); };
  for (size_t i = 0; i < grads.size(); ++i) {
    Tensor &p = params_[i], &m = m_[i], &v = v_[i];
    const Tensor& g = grads[i];
    if (o_.optimizer == "adagrad") {
      for_each_element(p, g, v, [move](real& w, real d, real& acc) {
        acc += d * d;
        move(w, d / std::sqrt(acc + real(1e-7)));
      });
    } else if (o_.optimizer == "rmsprop") {
      for_each_element(p, g, v,
                       [move, keep = static_cast<real>(o_.decay), take = static_cast<real>(1 - o_.decay)](
                           real& w, real d, real& square) {
                         square = keep * square + take * d * d;
                         move(w, d / std::sqrt(square + real(1e-8)));
                       });
    } else if (o_.optimizer == "adam") {
      const real b1 = static_cast<real>(o_.beta1), b2 = static_cast<real>(o_.beta2),
                 take1 = static_cast<real>(1 - o_.beta1), take2 = static_cast<real>(1 - o_.beta2),
                 c1 = static_cast<real>(1 - std::pow(o_.beta1, t)),
                 c2 = static_cast<real>(1 - std::pow(o_.beta2, t));
      for_each_element(p, g, m, v, [=](real& w, real d, real& mean, real& square) {
        mean = b1 * mean + take1 * d;
        square = b2 * square + take2 * d * d;
        move(w, (mean / c1) / (std::sqrt(square / c2) + real(1e-8)));
      });
    } else {
      const real mu = static_cast<real>(o_.optimizer == "sgdm" ? o_.momentum : 0);
      for_each_element(p, g, m, [=](real& w, real d, real& mean) {
        mean = mu * mean + d;
        move(w, mean);
      });
    }
  }
}

}  // namespace gradus
