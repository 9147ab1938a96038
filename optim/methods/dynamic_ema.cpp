#include "optim/methods/dynamic_ema.h"

#include <cmath>

namespace gradus {
namespace {

// ||x - y||_1, of x alone where y is undefined.
double l1_distance(const Tensor& x, const Tensor& y) {
  double total = 0;
  for (int64 i = 0; i < x.numel(); ++i)
    total += std::abs(static_cast<double>(x.data()[i]) - (y ? static_cast<double>(y.data()[i]) : 0));
  return total;
}

}  // namespace

double DynamicEma::update(const Tensor& theta, const Tensor& grad) {
  if (theta.shape() != grad.shape() || (star_ && star_.shape() != theta.shape()))
    fail<ShapeError>("dynamic ema: weights {}, gradient {}, mean {}", theta.shape().str(), grad.shape().str(),
                     star_ ? star_.shape().str() : theta.shape().str());
  fell_back_ = true;
  double weight = o_.base_weight;
  if (!star_) {
    star_ = theta.clone();
  } else {
    double c = l1_distance(grad, grad_);
    if (o_.curvature == "secant") c /= l1_distance(theta, theta_);
    const double w = o_.factor * (1 + l1_distance(grad, {})) / (l1_distance(theta, star_) * c);
    if (w > 0 && w < 1) {
      weight = o_.mode == "paper" ? 1 - w : w;
      fell_back_ = false;
    }
    real* star = star_.mutable_data();
    for (int64 i = 0; i < theta.numel(); ++i)
      star[i] = static_cast<real>((1 - weight) * static_cast<double>(star[i]) +
                                  weight * static_cast<double>(theta.data()[i]));
  }
  grad_ = grad.clone();
  theta_ = theta.clone();
  return weight;
}

}  // namespace gradus
