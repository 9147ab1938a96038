#include "optim/client/diagonal_scaling.h"

#include <algorithm>
#include <cmath>

#include "core/error.h"
#include "optim/elements.h"

namespace gradus {

void DiagonalScaling::update(const Tensor& h) {
  if (!d_.defined()) {
    d_ = h.clone();
    for_each_element(d_, [](real& d) { d = std::abs(d); });
    return;
  }
  if (!(h.shape() == d_.shape()))
    fail<ShapeError>("diagonal scaling: h {} for D {}", h.shape().str(), d_.shape().str());
  ++updates_;
  double b = o_.decay();
  if (o_.scaling == "adam") {
    const double power = std::pow(b, static_cast<double>(updates_ + 1));
    b = (b - power) / (1 - power);
  }
  const real keep = static_cast<real>(b), take = static_cast<real>(1 - b);
  if (o_.scaling == "oasis")
    for_each_element(d_, h, [=](real& d, real now) { d = keep * d + take * now; });
  else
    for_each_element(d_, h, [=](real& d, real now) { d = std::sqrt(keep * d * d + take * now * now); });
}

Tensor DiagonalScaling::floored() const {
  if (!d_.defined()) fail<UsageError>("diagonal scaling: it has seen no statistic yet");
  Tensor hat = d_.clone();
  const real alpha = static_cast<real>(o_.alpha);
  if (o_.floor == "add")
    for_each_element(hat, [=](real& d) { d = std::abs(d) + alpha; });
  else
    for_each_element(hat, [=](real& d) { d = std::max(alpha, std::abs(d)); });
  return hat;
}

}  // namespace gradus
